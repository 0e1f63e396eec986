// Who is logged in: the part of the contract of webui/openapi.yaml that log-in and one's own account use.
import { ask } from "./api";

/** Who is logged in. `must`: what is to be done before anything else. */
export interface Session {
  name: string;
  who: string;
  role: "technician" | "manager" | "viewer" | "central";
  function: string;
  rights: string[];
  must: ("password" | "second-factor")[];
  until_us: number;
  idle_us: number;
  codes_left: number;
  has_sheet: boolean;
  notices: { number: number; utc_us: number; kind: string; fr: string; en: string }[];
}

/** What a security key answered. */
export interface PasskeyAnswer {
  challenge: string;
  id: string;
  client_data: string;
  authenticator_data: string;
  signature: string;
}

export async function session(): Promise<Session> {
  return (await (await ask("/api/v1/session")).json()) as Session;
}

export async function logIn(typed: { name: string; password: string; code: string; passkey?: PasskeyAnswer }): Promise<Session> {
  return (await (await ask("/api/v1/session", typed)).json()) as Session;
}

export async function logOut(): Promise<void> {
  await ask("/api/v1/session", {}, "DELETE");
}

export async function comeBack(typed: { name: string; sheet: string; password: string }): Promise<Session> {
  return (await (await ask("/api/v1/recovery", typed)).json()) as Session;
}

export async function changePassword(old: string, fresh: string): Promise<Session> {
  return (await (await ask("/api/v1/session/password", { old, new: fresh })).json()) as Session;
}

export async function proposeSecondFactor(): Promise<{ secret: string; address: string }> {
  return (await (await ask("/api/v1/session/second-factor", {})).json()) as { secret: string; address: string };
}

/** `codes`: recovery codes, told this once. */
export async function confirmSecondFactor(code: string): Promise<{ session: Session; codes: string[] }> {
  const session = (await (await ask("/api/v1/session/second-factor", { code })).json()) as Session & { codes: string[] };
  return { session, codes: session.codes };
}

/** The code of a new recovery sheet, told this once. */
export async function newSheet(): Promise<string> {
  return ((await (await ask("/api/v1/session/sheet", {})).json()) as { code: string }).code;
}

export async function readNotices(number: number): Promise<Session> {
  return (await (await ask("/api/v1/session/read", { number })).json()) as Session;
}
