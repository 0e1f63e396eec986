// The screens of the page: address, what the account must be allowed to do, and whether the menu names it.
// What an account may not do is not shown; the server refuses it in any case.
import type { Key } from "./i18n";

/** As appliance/accounts/roles.py names them. */
export type Right = "state" | "alerts" | "footage" | "arm" | "accounts" | "looks" | "countersign" | "aim" | "certificate" | "clock";

export interface Screen {
  path: string;
  title: Key;
  right: Right | null; // null: anybody who is logged in
  menu: "top" | "foot" | null;
  load?: () => Promise<unknown>; // its script, where the first page does without it
}

export const SCREENS: Screen[] = [
  { path: "/", title: "app.home", right: "state", menu: "top" },
  { path: "/alertes", title: "app.alerts", right: "alerts", menu: "top", load: () => import("./alerts") },
  { path: "/lecture", title: "play.title", right: "footage", menu: null, load: () => import("./playback") },
  { path: "/acces", title: "access.title", right: "accounts", menu: "top", load: () => import("./accounts") },
  { path: "/consultations", title: "journal.title", right: "looks", menu: "top", load: () => import("./journal") },
  { path: "/cadrage", title: "aim.title", right: "aim", menu: null, load: () => import("./aim") },
  { path: "/certificat", title: "certificate.title", right: "certificate", menu: null, load: () => import("./certificate") },
  { path: "/heure", title: "clock.title", right: "clock", menu: null, load: () => import("./clock") },
  { path: "/affiche", title: "notice.link", right: "state", menu: "foot", load: () => import("./notice") },
  { path: "/compte", title: "own.title", right: null, menu: null, load: () => import("./own") },
  { path: "/accessibilite", title: "rgaa.link", right: null, menu: "foot", load: () => import("./statement") },
];

/** Where no screen stands. */
export const NOWHERE: Screen = { path: "", title: "nowhere.title", right: null, menu: null };

const OF_ACCOUNTS: ReadonlySet<string> = new Set(["accounts", "looks"]);

/** `rights` null: nothing is known of accounts, and the page shows what does not need any. */
export function allowed(screen: Screen, rights: ReadonlySet<string> | null): boolean {
  if (screen.right === null) return true;
  return rights === null ? !OF_ACCOUNTS.has(screen.right) : rights.has(screen.right);
}

export function screenOf(path: string): Screen {
  return SCREENS.find((each) => each.path === path) ?? NOWHERE;
}
