// How long from what somebody did to the picture that shows it.

const KEPT = 32;

/** Numbers come with pictures, rising; whoever did something knows the number that will show it. */
export class Delay {
  constructor(show) {
    this.show = show; // called with ms: the last one, and the median of the last few
    this.seenFirst = []; // {number, at}: for an answer that comes after its picture
    this.waiting = [];
    this.last = [];
  }

  /** What was done `at` will show in the first picture of that number or a higher one. */
  expect(number, at) {
    const seen = this.seenFirst.find((each) => each.number >= number);
    if (seen) this.add(seen.at - at);
    else this.waiting = [...this.waiting, { number, at }].slice(-KEPT);
  }

  /** A picture of that number is shown. */
  seen(number, now = performance.now()) {
    const newest = this.seenFirst.at(-1)?.number ?? -1;
    if (number === newest) return;
    if (number < newest) this.seenFirst = []; // counted anew: another source, another run
    this.seenFirst = [...this.seenFirst, { number, at: now }].slice(-KEPT);
    const due = this.waiting.filter((each) => each.number <= number);
    if (!due.length) return;
    this.waiting = this.waiting.filter((each) => each.number > number);
    for (const { at } of due) this.add(now - at);
  }

  add(ms) {
    this.last = [...this.last, ms].slice(-KEPT);
    const sorted = this.last.toSorted((a, b) => a - b);
    this.show(ms, sorted[sorted.length >> 1]);
  }
}
