// Accounts, grants and sessions: the part of the contract that the managers' page uses.
import { ask } from "./api";

export type Role = "technician" | "manager" | "viewer" | "central";
export const ROLES: Role[] = ["manager", "viewer", "technician", "central"];

/** What a viewer may see. Times: UTC microseconds. */
export interface NewGrant {
  cameras: string[];
  from_us: number;
  to_us: number;
  until_us: number;
}

export interface AccountRow {
  name: string;
  person: string;
  function: string;
  role: Role;
  from_us: number;
  until_us: number;
  revoked: boolean;
  in_force: boolean;
  second_factor: boolean;
  first_log_in: boolean; // the password is the one that was handed over
  grant: (NewGrant & { granted_us: number }) | null;
}

export interface NewAccount {
  name: string;
  person: string;
  function: string;
  role: Role;
  from_us: number;
  until_us: number;
  grant?: NewGrant;
}

export interface Accounts {
  now_us: number;
  accounts: AccountRow[];
}

/** A password for one log-in, told once. */
export interface Once {
  name: string;
  password: string;
}

export interface SessionRow {
  id: string;
  account: string;
  address: string;
  opened_us: number;
  used_us: number;
  mine: boolean;
}

const of = (name: string, verb: string): string => `/api/v1/accounts/${encodeURIComponent(name)}/${verb}`;

async function json<T>(answer: Promise<Response>): Promise<T> {
  return (await (await answer).json()) as T;
}

export const accounts = (): Promise<Accounts> => json(ask("/api/v1/accounts"));
export const openAccount = (account: NewAccount): Promise<Once> => json(ask("/api/v1/accounts", account));
export const revokeAccount = (name: string): Promise<Accounts> => json(ask(of(name, "revoke"), {}));
export const authorise = (name: string, until_us: number): Promise<Accounts> => json(ask(of(name, "authorise"), { until_us }));
export const grant = (name: string, what: NewGrant): Promise<Accounts> => json(ask(of(name, "grant"), what));
export const resetPassword = (name: string): Promise<Once> => json(ask(of(name, "password"), {}));

export async function sessions(): Promise<SessionRow[]> {
  return (await json<{ sessions: SessionRow[] }>(ask("/api/v1/sessions"))).sessions;
}

export async function endSession(id: string): Promise<void> {
  await ask(`/api/v1/sessions/${encodeURIComponent(id)}`, {}, "DELETE");
}
