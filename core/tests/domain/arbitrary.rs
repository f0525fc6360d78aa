//! Anything that may be asked, and anything that may have happened.

use chrono::TimeDelta;
use proptest::{option, prelude::*};
use uuid::Uuid;
use voxlog_core::{
    ambient,
    call::{self, EndReason, LeaveReason, Media, MediaChange},
    clock::Time,
    decider::Asked,
    envelope::Envelope,
    event::{Event, Subject},
    id::{CallId, CorrelationId, EventId, MessageId, NodeId, RoomId, SessionId, UserId},
    message::{self, Draft, Kind},
    position::Seq,
    presence::Status,
    room::{self, Changes, Command, InviteId, Role, Settings, SettingsPatch},
    testing::{ALICE, ANSWER, BOB, CAROL, CODE, DAVE, ERIN, HELLO, LOBBY, NOON},
    user,
};

/// One of five people.
pub(crate) fn person() -> impl Strategy<Value = UserId> {
    prop::sample::select(vec![ALICE, BOB, CAROL, DAVE, ERIN])
}

/// Within two hours of noon, so that sanctions end in between; in any order, as clocks of several gateways may be.
fn time() -> impl Strategy<Value = Time> {
    (0..7_200_000_i64).prop_map(|ms| NOON + TimeDelta::milliseconds(ms))
}

/// Whether somebody has an account never changes: of the five, Dave and Erin are here without one.
pub(crate) fn is_guest(user: UserId) -> bool {
    [DAVE, ERIN].contains(&user)
}

pub(crate) fn asked() -> impl Strategy<Value = Asked> {
    (person(), time()).prop_map(|(by, at)| Asked { by, guest: is_guest(by), at })
}

/// Mostly words, now and then anything.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![4 => "[a-zü ]{1,20}", 1 => any::<String>(), 1 => Just(String::new()), 1 => Just("x".repeat(4001))]
}

fn role() -> impl Strategy<Value = Role> {
    prop::sample::select(vec![Role::Guest, Role::Member, Role::Admin, Role::Owner])
}

fn settings() -> impl Strategy<Value = Settings> {
    (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), prop_oneof![9 => Just(0), 1 => any::<u32>()]).prop_map(
        |(is_public, allow_guests, require_approval, record_messages, slow_mode_s)| Settings {
            is_public,
            allow_guests,
            require_approval,
            record_messages,
            slow_mode_s,
            retention_days: None,
        },
    )
}

/// Few seats, so that rooms fill up.
fn seats() -> impl Strategy<Value = u16> {
    prop_oneof![9 => 2..6_u16, 1 => any::<u16>()]
}

fn settings_patch() -> impl Strategy<Value = SettingsPatch> {
    let switch = || option::of(any::<bool>());
    (
        switch(),
        switch(),
        switch(),
        switch(),
        option::weighted(0.1, any::<u32>()),
        option::weighted(0.1, option::of(any::<u32>())),
    )
        .prop_map(|(is_public, allow_guests, require_approval, record_messages, slow_mode_s, retention_days)| {
            SettingsPatch { is_public, allow_guests, require_approval, record_messages, slow_mode_s, retention_days }
        })
}

fn changes<S: std::fmt::Debug>(settings: impl Strategy<Value = S>) -> impl Strategy<Value = Changes<S>> {
    (option::of(text()), option::of(text()), option::of(seats()), option::of(settings))
        .prop_map(|(name, description, max_users, settings)| Changes { name, description, max_users, settings })
}

fn code() -> impl Strategy<Value = String> {
    prop_oneof![9 => Just(CODE.to_owned()), 1 => text()]
}

/// The room's own, one of few that invites have, or nonsense.
fn any_code() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![CODE, "INVITE22", "INVITE33"]).prop_map(str::to_owned);
    prop_oneof![19 => known, 1 => text()]
}

fn invite() -> impl Strategy<Value = Command> {
    let uses = || prop_oneof![19 => 1..4_u32, 1 => any::<u32>()];
    (any_code(), option::of(uses()), option::of(time()))
        .prop_map(|(code, max_uses, expires_at)| Command::CreateInvite { code, max_uses, expires_at })
}

/// Few seats, so that it fills up; the code is the one that [`room_command`] mostly knows.
pub(crate) fn a_small_room() -> Command {
    Command::Create {
        name: "Lobby".into(),
        description: String::new(),
        code: CODE.into(),
        max_users: 4,
        settings: Settings::default(),
    }
}

fn create() -> impl Strategy<Value = Command> {
    (text(), text(), code(), seats(), settings()).prop_map(|(name, description, code, max_users, settings)| {
        Command::Create { name, description, code, max_users, settings }
    })
}

/// Archiving is rare, or nothing else would happen.
pub(crate) fn room_command() -> impl Strategy<Value = Command> {
    let sanction = || (person(), option::of(time()), option::of(text()));
    prop_oneof![
        2 => create(),
        2 => changes(settings_patch()).prop_map(Command::Update),
        1 => prop::bool::weighted(0.1).prop_map(|rarely| if rarely { Command::Archive } else { Command::Leave }),
        10 => option::of(any_code()).prop_map(|code| Command::Join { code }),
        1 => Just(Command::Leave),
        1 => any_code().prop_map(|code| Command::RotateCode { code }),
        2 => person().prop_map(|user| Command::Approve { user }),
        1 => person().prop_map(|user| Command::Deny { user }),
        3 => invite(),
        1 => any_code().prop_map(|code| Command::RevokeInvite { invite: InviteId::of(&code) }),
        2 => (person(), option::of(text())).prop_map(|(user, reason)| Command::Kick { user, reason }),
        2 => sanction().prop_map(|(user, until, reason)| Command::Ban { user, until, reason }),
        2 => person().prop_map(|user| Command::Unban { user }),
        2 => sanction().prop_map(|(user, until, reason)| Command::Mute { user, until, reason }),
        2 => person().prop_map(|user| Command::Unmute { user }),
        6 => (person(), role()).prop_map(|(user, role)| Command::SetRole { user, role }),
    ]
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![9 => Just(Kind::Text), 1 => prop::sample::select(vec![Kind::File, Kind::System, Kind::VoiceNote])]
}

fn known_message() -> impl Strategy<Value = MessageId> {
    prop::sample::select(vec![HELLO, ANSWER])
}

pub(crate) fn message_command() -> impl Strategy<Value = message::Command> {
    let cited = || option::weighted(0.2, known_message());
    let post = (text(), kind(), cited(), cited()).prop_map(|(content, kind, reply_to, thread_root)| {
        message::Command::Post(Draft { id: HELLO, content, kind, reply_to, thread_root })
    });
    prop_oneof![
        4 => post,
        2 => text().prop_map(|content| message::Command::Edit { content }),
        1 => Just(message::Command::Delete),
        2 => text().prop_map(|emoji| message::Command::React { emoji }),
        2 => text().prop_map(|emoji| message::Command::Unreact { emoji }),
        1 => Just(message::Command::Pin),
        1 => Just(message::Command::Unpin),
    ]
}

/// A UUID of version 7.
fn uuid() -> impl Strategy<Value = Uuid> {
    any::<u128>().prop_map(|bits| uuid::Builder::from_u128(bits).with_version(uuid::Version::SortRand).into_uuid())
}

fn user() -> impl Strategy<Value = UserId> {
    uuid().prop_map(UserId::from_uuid)
}

fn message_id() -> impl Strategy<Value = MessageId> {
    uuid().prop_map(MessageId::from_uuid)
}

/// Any time of four-digit years after 1970, to the nanosecond.
fn any_time() -> impl Strategy<Value = Time> {
    (0..250_000_000_000_i64, 0..1_000_000_000_u32)
        .prop_map(|(seconds, nanos)| Time::from_timestamp(seconds, nanos).expect("chrono holds the year 9892"))
}

fn room_event() -> BoxedStrategy<room::Event> {
    use room::Event as E;
    let sanction = || (user(), option::of(any_time()), option::of(any::<String>()));
    let text = any::<String>;
    let invite = || text().prop_map(|code| InviteId::of(&code));
    prop_oneof![
        (text(), text(), text(), user(), any::<u16>(), settings()).prop_map(
            |(name, description, code, owner_id, max_users, settings)| E::Created {
                name,
                description,
                code,
                owner_id,
                max_users,
                settings
            }
        ),
        changes(settings()).prop_map(E::Updated),
        Just(E::Archived {}),
        text().prop_map(|code| E::CodeRotated { code }),
        (invite(), option::of(any::<u32>()), option::of(any_time()))
            .prop_map(|(invite_id, max_uses, expires_at)| E::InviteCreated { invite_id, max_uses, expires_at }),
        invite().prop_map(|invite_id| E::InviteRevoked { invite_id }),
        (invite(), user(), role()).prop_map(|(invite_id, user_id, role)| E::InviteUsed { invite_id, user_id, role }),
        (user(), role()).prop_map(|(user_id, role)| E::Requested { user_id, role }),
        (user(), role()).prop_map(|(user_id, role)| E::Approved { user_id, role }),
        user().prop_map(|user_id| E::Denied { user_id }),
        (user(), role()).prop_map(|(user_id, role)| E::Joined { user_id, role }),
        user().prop_map(|user_id| E::Left { user_id }),
        (user(), option::of(text())).prop_map(|(user_id, reason)| E::Kicked { user_id, reason }),
        sanction().prop_map(|(user_id, until, reason)| E::Banned { user_id, until, reason }),
        user().prop_map(|user_id| E::Unbanned { user_id }),
        sanction().prop_map(|(user_id, until, reason)| E::Muted { user_id, until, reason }),
        user().prop_map(|user_id| E::Unmuted { user_id }),
        (user(), role(), option::of(user())).prop_map(|(user_id, role, former_owner_id)| E::RoleChanged {
            user_id,
            role,
            former_owner_id
        }),
    ]
    .boxed()
}

fn message_event() -> BoxedStrategy<message::Event> {
    use message::Event as E;
    let mentions = || prop::collection::vec(user(), 0..3);
    let cited = || option::of(message_id());
    let post = (message_id(), user(), any::<String>(), kind(), cited(), cited(), mentions());
    let reaction = || (message_id(), user(), any::<String>());
    prop_oneof![
        post.prop_map(|(message_id, author_id, content, kind, reply_to, thread_root, mentions)| E::Posted {
            message_id,
            author_id,
            content,
            kind,
            reply_to,
            thread_root,
            mentions
        }),
        (message_id(), any::<String>(), mentions()).prop_map(|(message_id, content, mentions)| E::Edited {
            message_id,
            content,
            mentions
        }),
        message_id().prop_map(|message_id| E::Deleted { message_id }),
        message_id().prop_map(|message_id| E::Pinned { message_id }),
        message_id().prop_map(|message_id| E::Unpinned { message_id }),
        reaction().prop_map(|(message_id, user_id, emoji)| E::ReactionAdded { message_id, user_id, emoji }),
        reaction().prop_map(|(message_id, user_id, emoji)| E::ReactionRemoved { message_id, user_id, emoji }),
    ]
    .boxed()
}

fn user_event() -> BoxedStrategy<user::Event> {
    use user::Event as E;
    let (text, may_be) = (any::<String>, || option::of(any::<String>()));
    let session = || uuid().prop_map(SessionId::from_uuid);
    let room = || uuid().prop_map(RoomId::from_uuid);
    let seq = || (0..=Seq::MAX.0).prop_map(Seq);
    prop_oneof![
        (user(), text(), may_be(), any::<bool>()).prop_map(|(user_id, username, display_name, guest)| E::Registered {
            user_id,
            username,
            display_name,
            guest
        }),
        (user(), text(), may_be(), may_be()).prop_map(|(user_id, username, display_name, avatar_url)| E::Updated {
            user_id,
            username,
            display_name,
            avatar_url
        }),
        user().prop_map(|user_id| E::Erased { user_id }),
        (user(), session()).prop_map(|(user_id, session_id)| E::SessionStarted { user_id, session_id }),
        (user(), session()).prop_map(|(user_id, session_id)| E::SessionRevoked { user_id, session_id }),
        (user(), room(), seq()).prop_map(|(user_id, room_id, seq)| E::ReadMarked { user_id, room_id, seq }),
    ]
    .boxed()
}

fn media() -> impl Strategy<Value = Media> {
    (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>()).prop_map(|(muted, deafened, video, screen)| Media {
        muted,
        deafened,
        video,
        screen,
    })
}

fn media_change() -> impl Strategy<Value = MediaChange> {
    let switch = || option::of(any::<bool>());
    (switch(), switch(), switch(), switch()).prop_map(|(muted, deafened, video, screen)| MediaChange {
        muted,
        deafened,
        video,
        screen,
    })
}

/// One of few devices, each of one person, so that they meet.
fn device_of(user: UserId) -> impl Strategy<Value = SessionId> {
    (0..2_u128).prop_map(move |number| SessionId::from_uuid(Uuid::from_u128(user.as_uuid().as_u128() ^ (number << 40))))
}

/// Who asks, and what of a call of few places.
pub(crate) fn call_command() -> impl Strategy<Value = (Asked, call::Command)> {
    use call::Command as C;
    asked().prop_flat_map(|asked| {
        let device = move || device_of(asked.by);
        let call = || (0..3_u128).prop_map(|n| CallId::from_uuid(Uuid::from_u128(LOBBY.as_uuid().as_u128() ^ n)));
        let reason = prop::sample::select(vec![EndReason::Idle, EndReason::Ended]);
        let command = prop_oneof![
            8 => (device(), call(), 1..4_u16, media())
                .prop_map(|(session, call, seats, media)| C::Join { session, call, seats, media }),
            2 => device().prop_map(|session| C::Leave { session }),
            3 => (device(), media_change()).prop_map(|(session, change)| C::Update { session, change }),
            1 => person().prop_flat_map(device_of).prop_map(|session| C::Lose { session }),
            1 => (call(), reason).prop_map(|(call, reason)| C::End { call, reason }),
        ];
        command.prop_map(move |command| (asked, command))
    })
}

fn call_event() -> BoxedStrategy<call::Event> {
    use call::Event as E;
    let call = || uuid().prop_map(CallId::from_uuid);
    let device = || (user(), uuid().prop_map(SessionId::from_uuid));
    let reason = prop::sample::select(vec![LeaveReason::Left, LeaveReason::Lost]);
    let end = prop::sample::select(vec![EndReason::Empty, EndReason::Idle, EndReason::Ended]);
    prop_oneof![
        (call(), device(), any::<u16>()).prop_map(|(call_id, (started_by, session), seats)| E::Started {
            call_id,
            started_by,
            session,
            seats
        }),
        (call(), device(), media()).prop_map(|(call_id, (user_id, session), media)| E::Joined {
            call_id,
            user_id,
            session,
            media
        }),
        (call(), device(), reason).prop_map(|(call_id, (user_id, session), reason)| E::Left {
            call_id,
            user_id,
            session,
            reason
        }),
        (call(), device(), media_change()).prop_map(|(call_id, (user_id, session), change)| E::Updated {
            call_id,
            user_id,
            session,
            change
        }),
        (call(), end).prop_map(|(call_id, reason)| E::Ended { call_id, reason }),
    ]
    .boxed()
}

fn presence_event() -> impl Strategy<Value = ambient::Event> {
    let status = vec![Status::Online, Status::Away, Status::Dnd, Status::Invisible, Status::Offline];
    let whose = (user(), uuid().prop_map(SessionId::from_uuid), uuid().prop_map(NodeId::from_uuid));
    let call = option::of(uuid().prop_map(RoomId::from_uuid));
    (whose, any::<u32>(), prop::sample::select(status), call).prop_map(
        |((user_id, session, node), epoch, status, call)| ambient::Event::PresenceChanged {
            user_id,
            session,
            node,
            epoch,
            status,
            call,
        },
    )
}

fn room_ambience() -> BoxedStrategy<ambient::Event> {
    use ambient::Event as E;
    let session = || uuid().prop_map(SessionId::from_uuid);
    prop_oneof![
        user().prop_map(|user_id| E::TypingStarted { user_id }),
        user().prop_map(|user_id| E::TypingStopped { user_id }),
        (user(), session(), any::<bool>()).prop_map(|(user_id, session, speaking)| E::SpeakingChanged {
            user_id,
            session,
            speaking
        }),
        (uuid().prop_map(CallId::from_uuid), user(), session(), session(), any::<String>()).prop_map(
            |(call_id, user_id, from, to, data)| E::SignalSent { call_id, user_id, from, to, data: data.into() }
        ),
    ]
    .boxed()
}

fn about_something() -> impl Strategy<Value = (Subject, Event)> {
    let room = || uuid().prop_map(|id| Subject::Room(RoomId::from_uuid(id)));
    prop_oneof![
        4 => (room(), room_event().prop_map(Event::Room)),
        4 => (room(), message_event().prop_map(Event::Message)),
        2 => (room(), call_event().prop_map(Event::Call)),
        1 => (room(), room_ambience().prop_map(Event::Ambient)),
        1 => (user().prop_map(Subject::User), user_event().prop_map(Event::User)),
        1 => (user().prop_map(Subject::User), presence_event().prop_map(Event::Ambient)),
    ]
}

pub(crate) fn envelope() -> impl Strategy<Value = Envelope> {
    (uuid(), any_time(), user(), uuid(), option::of(uuid()), about_something()).prop_map(
        |(id, time, actor, correlation, causation, (subject, event))| Envelope {
            id: EventId::from_uuid(id),
            subject,
            time,
            actor,
            correlation: CorrelationId::from_uuid(correlation),
            causation: causation.map(EventId::from_uuid),
            event,
        },
    )
}
