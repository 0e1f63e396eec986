// The time line: recorded stretches, gaps hatched, the instant shown; a slider for keyboards and screen readers.
import { LitElement, html, nothing, svg, type SVGTemplateResult } from "lit";
import type { Gap, Timeline } from "./api";
import { said, t } from "./i18n";
import { DAY, HOUR, MINUTE, SECOND, clock, clockMillis, dayAndTime, dayMonth, hourMinute, length, longDate, midnight, offset } from "./time";

const HEIGHT = 76;
const TRACK_TOP = 8;
const TRACK = 38;
const FILLS = { none: "url(#dots)", pause: "url(#pause)", gap: "url(#hatch)" } as const; // a planned pause is no gap
const LIGHT = 10; // px at the foot of the track
const STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 30].map((n) => n * SECOND)
  .concat([1, 2, 5, 10, 30].map((n) => n * MINUTE), [1, 2, 3, 6, 12].map((n) => n * HOUR), [1, 2, 4, 7].map((n) => n * DAY));
const PAGE = 0.1; // of the line: what Page Up and Page Down move by

/** Px that one label of the axis needs. */
function room(step: number): number {
  return step < SECOND ? 112 : step < MINUTE ? 92 : 64;
}

export class TimelineElement extends LitElement {
  static override properties = {
    from: { type: Number }, to: { type: Number }, at: { type: Number }, data: { attribute: false },
    now: { type: Number }, width: { state: true },
  };
  declare from: number;
  declare to: number;
  declare at: number | null;
  declare now: number;
  declare data: Timeline | null;
  declare width: number;
  private sizes = new ResizeObserver(() => (this.width = Math.max(200, this.clientWidth)));
  private dragging = false;

  constructor() {
    super();
    this.from = this.to = this.now = 0;
    this.at = null;
    this.data = null;
    this.width = 600;
  }

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.sizes.observe(this);
    this.addEventListener("wheel", this.onWheel, { passive: false });
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.sizes.disconnect();
    this.removeEventListener("wheel", this.onWheel);
  }

  private x(us: number): number {
    return ((us - this.from) / (this.to - this.from)) * this.width;
  }

  private us(x: number): number {
    return Math.round(this.from + (x / this.width) * (this.to - this.from));
  }

  private send(name: string, detail: unknown): void {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true }));
  }

  private onWheel = (event: WheelEvent): void => {
    event.preventDefault();
    const span = this.to - this.from;
    if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      this.send("pan", Math.sign(event.deltaX || event.deltaY) * span * 0.1);
    } else {
      const around = this.us(event.clientX - this.getBoundingClientRect().left);
      this.send("zoom", { factor: event.deltaY > 0 ? 1.35 : 1 / 1.35, around });
    }
  };

  private onPointer = (event: PointerEvent): void => {
    if (event.type === "pointerdown") {
      if (event.button !== 0) return;
      this.dragging = true;
      (event.currentTarget as Element).setPointerCapture(event.pointerId);
    }
    if (event.type === "pointerup" || event.type === "pointercancel") this.dragging = false;
    const x = Math.max(0, Math.min(this.width - 1, event.clientX - this.getBoundingClientRect().left));
    if (this.dragging) this.send("scrub", this.us(x));
    const over = event.type === "pointermove" && event.pointerType !== "touch" && !this.dragging;
    this.send("hover", over ? { at: this.us(x), x } : null); // while dragging the large picture shows it
  };

  /** What a slider's keys do everywhere; the arrows are the page's. */
  private onKey = (event: KeyboardEvent): void => {
    const by = (this.to - this.from) * PAGE;
    const at = this.at ?? this.from;
    const targets: Record<string, number> = { Home: this.from, End: Math.min(this.to, this.now) - 1, PageDown: at - by, PageUp: at + by };
    const target = targets[event.key];
    if (target === undefined || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    this.send("scrub", Math.round(target));
  };

  private what(at: number): string {
    if (at >= this.now) return t("time.future");
    const gap = this.data?.gaps.find((each) => each.from_us <= at && at < each.to_us);
    return gap ? said(gap) : t("time.recorded");
  }

  protected override render() {
    const span = this.to - this.from;
    if (span <= 0) return nothing;
    const at = this.at;
    const instant = at === null ? "" : span < MINUTE ? `${longDate(at)}, ${clockMillis(at)}` : dayAndTime(at);
    const text = at === null ? t("time.unset") : t("time.valuetext", { time: instant, what: this.what(at) });
    const seconds = (us: number): string => (us / SECOND).toFixed(span < MINUTE ? 3 : 0);
    return html`<svg
      role="slider" tabindex="0" width=${this.width} height=${HEIGHT} viewBox="0 0 ${this.width} ${HEIGHT}"
      aria-label=${t("time.label")} aria-valuemin=${seconds(this.from)} aria-valuemax=${seconds(this.to)}
      aria-valuenow=${seconds(Math.min(this.to, Math.max(this.from, at ?? this.from)))} aria-valuetext=${text} @keydown=${this.onKey}
      @pointerdown=${this.onPointer} @pointermove=${this.onPointer} @pointerup=${this.onPointer} @pointercancel=${this.onPointer} @pointerleave=${this.onPointer}
    >${svg`<defs><pattern id="hatch" width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
        <rect class="gap-ground" width="7" height="7"></rect><rect class="gap-line" width="2.5" height="7"></rect></pattern>
        <pattern id="pause" width="6" height="6" patternUnits="userSpaceOnUse"><rect class="pause-ground" width="6" height="6"></rect><rect class="pause-line" width="1.5" height="6"></rect></pattern>
        <pattern id="dots" width="8" height="8" patternUnits="userSpaceOnUse"><rect class="none-ground" width="8" height="8"></rect><circle class="none-dot" cx="4" cy="4" r="1"></circle></pattern></defs>
      <rect class="future" x="0" y=${TRACK_TOP} width=${this.width} height=${TRACK} rx="4"></rect>
      ${this.data?.spans.map((each) => this.bar(each.from_us, each.to_us, "recorded"))}
      ${this.data?.light_only.map((gap) => this.light(gap))}
      ${this.data?.gaps.map((gap) => this.gap(gap))}
      ${this.ticks()}${this.cursor()}`}</svg>`;
  }

  private bar(from: number, to: number, name: string): SVGTemplateResult | typeof nothing {
    if (to <= this.from || from >= this.to) return nothing;
    const left = Math.max(0, this.x(from));
    return svg`<rect class=${name} x=${left} y=${TRACK_TOP} width=${Math.max(1.5, Math.min(this.width, this.x(to)) - left)} height=${TRACK}></rect>`;
  }

  /** A band along the foot of what is recorded: the light stream alone. */
  private light(gap: Gap): SVGTemplateResult | typeof nothing {
    if (gap.to_us <= this.from || gap.from_us >= this.to) return nothing;
    const left = Math.max(0, this.x(gap.from_us));
    const wide = Math.max(2, Math.min(this.width, this.x(gap.to_us)) - left);
    return svg`<rect class="light" x=${left} y=${TRACK_TOP + TRACK - LIGHT} width=${wide} height=${LIGHT}><title>${t("events.lightOnly", { cause: said(gap) })}</title></rect>`;
  }

  private gap(gap: Gap): SVGTemplateResult | typeof nothing {
    if (gap.to_us <= this.from || gap.from_us >= this.to) return nothing;
    const left = Math.max(0, this.x(gap.from_us));
    const wide = Math.max(2, Math.min(this.width, this.x(gap.to_us)) - left);
    const cause = said(gap);
    const title = t("time.gapTitle", {
      cause, from: clock(gap.from_us), to: gap.open ? t("events.ongoing") : clock(gap.to_us), length: length(gap.to_us - gap.from_us),
    });
    const kind = gap.cause === "NOT_KEPT" ? "none" : gap.cause === "PLANNED" ? "pause" : "gap";
    const room = cause.length * 7.2 + 12; // px of the words in 12 px bold
    const fits = wide > room + 8;
    return svg`<g><title>${title}</title>
      <rect class="gap" x=${left} y=${TRACK_TOP} width=${wide} height=${TRACK} fill=${FILLS[kind]}></rect>
      ${fits
        ? svg`<rect class="${kind}-plate" x=${left + (wide - room) / 2} y=${TRACK_TOP + 10} width=${room} height="18" rx="3"></rect>
          <text class="${kind}-text" x=${left + wide / 2} y=${TRACK_TOP + 23} text-anchor="middle">${cause}</text>`
        : nothing}</g>`;
  }

  private ticks(): SVGTemplateResult[] {
    const span = this.to - this.from;
    const step = STEPS.find((each) => (each / span) * this.width >= room(each)) ?? 7 * DAY;
    const words = step >= DAY ? dayMonth : step < SECOND ? clockMillis : step < MINUTE ? clock : hourMinute;
    const marks: SVGTemplateResult[] = [];
    const shift = offset(this.from);
    const first = step >= DAY ? midnight(this.from) : Math.ceil((this.from + shift) / step) * step - shift;
    for (let us = first; us < this.to; us = step >= DAY ? midnight(us, step / DAY) : us + step) {
      const x = this.x(us);
      marks.push(svg`<line class="tick" x1=${x} x2=${x} y1=${TRACK_TOP + TRACK} y2=${TRACK_TOP + TRACK + 6}></line>
        ${x > 18 && x < this.width - 22 ? svg`<text class="tick-text" x=${x} y=${HEIGHT - 8} text-anchor="middle">${words(us)}</text>` : nothing}`);
    }
    return marks;
  }

  private cursor(): SVGTemplateResult | typeof nothing {
    if (this.at === null || this.at < this.from || this.at > this.to) return nothing;
    const x = this.x(this.at);
    return svg`<line class="cursor" x1=${x} x2=${x} y1="0" y2=${TRACK_TOP + TRACK + 4}></line>
      <path class="cursor-head" d="M${x - 6} 0h12l-6 9z"></path>`;
  }
}

customElements.define("t-timeline", TimelineElement);
