// The screens of the page: address, what the account must be allowed to do, and whether the menu names it.
// What an account may not do is not shown; the server refuses it in any case.
import type { Key } from "./i18n";

/** As appliance/accounts/roles.py names them. */
export type Right = "state" | "alerts" | "footage" | "arm" | "accounts" | "looks" | "countersign";

export interface Screen {
  path: string;
  title: Key;
  right: Right | null; // null: anybody who is logged in
  menu: "top" | "foot" | null;
  load?: () => Promise<unknown>; // its script, where the first page does without it
}

export const SCREENS: Screen[] = [
  { path: "/", title: "app.home", right: "state", menu: "top" },
  { path: "/alertes", title: "app.alerts", right: "alerts", menu: "top" },
  { path: "/lecture", title: "play.title", right: "footage", menu: null },
  { path: "/affiche", title: "notice.link", right: "state", menu: "foot", load: () => import("./notice") },
  { path: "/accessibilite", title: "rgaa.link", right: null, menu: "foot", load: () => import("./statement") },
];

/** `rights` null: nothing is known of accounts, and the page shows what there is. */
export function allowed(screen: Screen, rights: ReadonlySet<string> | null): boolean {
  return screen.right === null || rights === null || rights.has(screen.right);
}

export function screenOf(path: string): Screen {
  return SCREENS.find((each) => each.path === path) ?? SCREENS[0]!;
}
