/** A program has to have run for so long before other shards are tried. */
const ALONE_MS = 200
/** And for so long after they were given up for the first time; twice as long each further time. */
const AGAIN_MS = 2500
const AGAIN_MAX_MS = 40_000
/** Shards that were worth while for so long: when they are given up, something else is going on, and they may soon be worth while again. */
const KEPT_MS = 1000
/** In a shard that has just begun, and in one that has never had others, the host has yet to compile what runs now: that says nothing. */
export const WARM_MS = 100
/** Milliseconds of a look, and how many of the last ones count. */
const LOOK_MS = 10
const LOOKS = 8
/** Less than so many times what one shard gets done, for so long, is not worth another core; what has been worth one before may be a little less. */
const GAIN = 1.15
const STAYS = 1.05
const POOR_MS = 60
/** After shards were given up: from when until when it is seen what one gets done by itself. If that is clearly less, it was a mistake; so often one may be made. */
const PROOF_FROM_MS = 100
const PROOF_MS = 200
const MISTAKES = 2

/**
 * Under `auto`: when several shards are to be tried, and when it is no use going on with them. Knows of times only: all in milliseconds in which the process had
 * the cores that it asked for.
 */
export class Worth {
  private ran = 0
  private tryAt = ALONE_MS
  private again = AGAIN_MS
  /** Of this trial: how long it has gone on, what was gained in the last looks and in the one that is not over, and for how long that has been too little. */
  private tried = 0
  private readonly gains: number[] = []
  private ms = 0
  private useful = 0
  private poor = 0
  private kept = false
  /** COMMs in a millisecond that all together made when they were given up, how long one has run since, and what it made in the time that counts. */
  private rate = 0
  private since = 0
  private made = 0
  private mistakes = 0

  /** One shard has run for so long by itself, and made so many COMMs. */
  alone(ms: number, comms: number): void {
    this.ran += ms
    if (this.rate === 0) return
    this.since += ms
    if (this.since - ms >= PROOF_FROM_MS) this.made += comms
    else if (this.since > PROOF_FROM_MS) this.since = PROOF_FROM_MS
    if (this.since < PROOF_MS) return
    if (this.made * GAIN < this.rate * (this.since - PROOF_FROM_MS) && ++this.mistakes <= MISTAKES) this.tryAt = this.ran
    this.rate = 0
  }

  /** Whether the program has run long enough for a trial. */
  get mayTry(): boolean {
    return this.ran >= this.tryAt
  }

  /** Several shards run from now on. */
  begin(): void {
    this.tried = this.ms = this.useful = this.poor = 0
    this.gains.length = 0
    this.kept = false
  }

  /**
   * Several shards have run for so long.
   * @param useful how long one would have been at what they did
   * @returns true: that one would do as well
   */
  together(ms: number, useful: number): boolean {
    this.ran += ms
    this.tried += ms
    if (this.tried < WARM_MS) return false
    this.ms += ms
    this.useful += useful
    if (this.ms < LOOK_MS) return false
    const { gains } = this
    if (gains.push(this.useful / this.ms) > LOOKS) gains.shift()
    // What happens once, such as a collection, does not count.
    const gain = [...gains].sort((a, b) => a - b)[gains.length >> 1]
    this.kept ||= gain >= GAIN && gains.length === LOOKS
    this.poor = gain < (this.kept ? STAYS : GAIN) ? this.poor + this.ms : 0
    this.ms = this.useful = 0
    return this.poor >= POOR_MS && gains.length === LOOKS
  }

  /**
   * One shard runs by itself again.
   * @param rate COMMs in a millisecond that all together have made lately
   */
  giveUp(rate: number): void {
    this.rate = rate
    this.since = this.made = 0
    if (this.kept && this.tried >= KEPT_MS) this.again = AGAIN_MS / 4
    this.tryAt = this.ran + this.again
    this.again = Math.min(AGAIN_MAX_MS, 2 * this.again)
  }
}
