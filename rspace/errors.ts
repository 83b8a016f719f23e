/**
 * The one table of things that can go wrong in a space. Codes are stable within a major version; messages may be improved.
 */
export const ERRORS = {
  BAD_ARGUMENT: 'A call was given an argument of the wrong kind, number or size.',
  LIMIT: 'A configured limit would be exceeded; details name it.',
  MATCH_TOO_COSTLY: 'Matching used up its steps; nothing has changed.',
  REENTRANT: 'The space was called from inside a matcher, a guard or a codec.',
  ASYNC_TRANSACTION: 'A transaction returned a promise; it has been rolled back.',
  CODEC: 'A value could not be encoded or decoded, or its encoding is not canonical.',
  INSTALL_WOULD_FIRE: 'Data already match the continuation to be installed.',
  UNKNOWN_ROOT: 'No checkpoint has this root.',
  UNKNOWN_REF: 'No record has this reference (any more).',
  UNKNOWN_COMMIT: 'The commit is not kept (any more); details give the oldest one.',
  STALE_MARK: 'The mark has been released, rolled back or lost.',
  REPLAY_LEFTOVER: 'The replayed program did not use all recorded events.',
  REPLAY_DIVERGED: 'The replayed program did something that is not in the log.',
  HELD: 'A mark holds commits back, so the change cannot become durable now.',
  IMPORT_INVALID: 'The pages to import are damaged, out of order or incomplete; nothing has changed.',
  CORRUPT: 'Stored data are damaged, wrong or missing.',
  NEEDS_REPAIR: 'Commits are missing from the store; repair can go back to the last whole state.',
  SPACE_FAILED: 'Storage failed earlier; the space refuses writes until it is reopened.',
  VERSION: 'The store was written by a newer or unknown version.',
  LOCKED: 'The store is in use; details name the holder.',
  NOT_A_SPACE: 'The directory holds something else, or an incomplete space.',
  NO_SUCH_SPACE: 'There is no space here, and `create` was not given.',
  CODEC_MISMATCH: 'The store was made with another codec, hash or durability class.',
  DISK_FULL: 'The storage engine found no room to write.',
  IO: 'The storage engine or the file system reported an error.',
  SPACE_CLOSED: 'The space has been closed.',
  ABORTED: 'The wait was aborted by its signal.',
  TIMEOUT: 'The wait ran out of time.',
  READ_ONLY: 'The space was opened for reading only.',
} as const

export type ErrorCode = keyof typeof ERRORS

/** What else is known about an error: plain data, safe to print as JSON. */
export type ErrorDetails = Readonly<Record<string, unknown>>

export interface ErrorOptions {
  readonly details?: ErrorDetails
  /** What the reader may do about it, one sentence. */
  readonly hint?: string
  readonly cause?: unknown
}

/** An expected failure of a space. Branch on `code`, never on the message. */
export class RhizomeError extends Error {
  readonly code: ErrorCode
  readonly details: ErrorDetails
  readonly hint: string | undefined

  constructor(code: ErrorCode, message: string = ERRORS[code], options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'RhizomeError'
    this.code = code
    this.details = options.details ?? {}
    this.hint = options.hint
  }
}

/** A caller's slip: a `TypeError` that carries the stable code `BAD_ARGUMENT`. */
export class BadArgument extends TypeError {
  readonly code = 'BAD_ARGUMENT' as const
  readonly details: ErrorDetails
  readonly hint: string | undefined

  constructor(message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'BadArgument'
    this.details = options.details ?? {}
    this.hint = options.hint
  }
}

/** The code of an error of ours, or undefined for any other value. */
export function codeOf(error: unknown): ErrorCode | undefined {
  if (error instanceof RhizomeError || error instanceof BadArgument) return error.code
  return undefined
}
