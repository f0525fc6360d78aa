//! A room that asks an admin first: who joins is told that they wait, until they are in.

use std::sync::Arc;

use anyhow::Result;
use voxlog_core::{
    decider::Asker,
    id::{RoomId, UserId},
    room::{Command, Role, Settings},
};
use voxlog_gateway::hub::Hub;
use voxlog_tests::{
    alone::{Alone, a_room},
    world::user_id,
};

#[tokio::test]
async fn who_joins_waits_until_an_admin_lets_them_in() -> Result<()> {
    let Alone { hub, .. } = &Alone::in_memory().await?;
    let (owner, member) = (user_id(), user_id());
    let guest = Asker { user: user_id(), guest: true };
    let room = hub.create_room(owner, a_room(approving())).await.expect("a room").room;

    for who in [member.into(), guest] {
        for attempt in ["asking", "asking again"] {
            assert!(join(hub, room, who).await, "{attempt} is waiting");
        }
        assert_eq!(role(hub, room, who.user).await, None);
        let approved = hub.room_command(owner, room, Command::Approve { user: who.user }).await.expect("an approval");
        assert!(!approved.requested, "it is not the owner who waits");
        assert!(!join(hub, room, who).await, "who is in waits no more");
    }
    assert_eq!(role(hub, room, member).await, Some(Role::Member));
    assert_eq!(role(hub, room, guest.user).await, Some(Role::Guest));
    Ok(())
}

/// Whether they wait now.
async fn join(hub: &Arc<Hub>, room: RoomId, who: Asker) -> bool {
    hub.room_command(who, room, Command::Join { code: None }).await.expect("a public room").requested
}

async fn role(hub: &Arc<Hub>, room: RoomId, user: UserId) -> Option<Role> {
    hub.role(room, user).await.expect("the room is open")
}

fn approving() -> Settings {
    Settings { is_public: true, allow_guests: true, require_approval: true, ..Settings::default() }
}
