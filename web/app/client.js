// The one connection of this page and the one voice; everything else imports them from here.
import { Client } from '../sdk.js';
import { Voice } from '../voice.js';

export const client = new Client({});
export const voice = new Voice(client);
