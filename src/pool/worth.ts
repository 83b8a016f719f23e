/** A program has to have run for so long before other shards are tried. */
const ALONE_MS = 200
/** And for so long after they were given up for the first time; twice as long each further time. */
const AGAIN_MS = 2500
const AGAIN_MAX_MS = 40_000
/** Shards that were worth while for so long: when they are given up, something else is going on, and they may soon be worth while again. */
const KEPT_MS = 1000
/** In a shard that has just begun, and in one that has never had others, the host has yet to compile what runs now: that says nothing. */
export const WARM_MS = 100
/** Others that have work of their own and hardly any messages from outside are slow only as long as their code is cold: they are given so much time. */
const APART_MS = 450
/** Whether they have is seen over about so long. */
const APART_OVER_MS = 100
/** Others that have had nothing to do for so long will gain nothing. */
const IDLE_MS = 30
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

/** What shards do beside the calling thread: nothing; this and that; work of their own, without much that crosses. */
export const Others = { Idle: 0, Mixed: 1, Apart: 2 } as const
export type Others = (typeof Others)[keyof typeof Others]

/**
 * Under `auto`: when several shards are to be tried, and when it is no use going on with them. Knows of times only: all in milliseconds in which the process had
 * the cores that it asked for.
 */
export class Worth {
  private ran = 0
  private tryAt = ALONE_MS
  private again = AGAIN_MS
  /** Of this trial: how long it has gone on, how much of that others have worked apart, lately, and for how long they have had nothing to do. */
  private tried = 0
  private apart = 0
  private idle = 0
  /** What was gained in the last looks and in the one that is not over, and for how long that has been too little. */
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
    this.tried = this.idle = this.ms = this.useful = this.poor = 0
    this.apart = 0.5
    this.gains.length = 0
    this.kept = false
  }

  /** Whether others have had work of their own, lately. */
  get workApart(): boolean {
    return this.apart > 0.5
  }

  /**
   * Several shards have run for so long.
   * @param useful how long one would have been at what they did
   * @param others what all but the calling thread seemed to do
   * @returns true: that one would do as well
   */
  together(ms: number, useful: number, others: Others = Others.Mixed): boolean {
    this.ran += ms
    this.tried += ms
    this.idle = others === Others.Idle ? this.idle + ms : Math.max(0, this.idle - ms)
    if (this.idle >= IDLE_MS && !this.kept) return true
    this.apart += ((others === Others.Apart ? 1 : 0) - this.apart) * Math.min(1, ms / APART_OVER_MS)
    if (this.tried < WARM_MS || (this.tried < APART_MS && this.workApart)) return false
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
    // Of others that had nothing to do nothing has to be proved.
    this.rate = this.idle >= IDLE_MS && !this.kept ? 0 : rate
    this.since = this.made = 0
    if (this.kept && this.tried >= KEPT_MS) this.again = AGAIN_MS / 4
    this.tryAt = this.ran + this.again
    this.again = Math.min(AGAIN_MAX_MS, 2 * this.again)
  }
}
