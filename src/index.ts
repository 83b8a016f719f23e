/**
 * Rholang in a Node program: compile it, run it, look at what it left, give it operations and a world of your own. What is not exported here is internal.
 * The tuplespace without the language is `rhizome/rspace`; instructions, images, assembler and verifier are `rhizome/bytecode`.
 *
 * A user's mistake is a value (`Diagnostic`, `Failure`, `Fault`) with a code of `CODES`, never an exception. Positions are numbers that `sources` resolves.
 */

// ── running programs ────────────────────────────────────────────────────────────────────────────────────────────────

/** The whole of it in one call: sources in, the outcome as plain data out. Quiet: what is printed is part of the outcome. */
export type { BlockedRecord, ErrorRecord, FailureRecord, Outcome, OutcomeStatus, Position, Spot } from './cli/outcome.ts'
export { type ProgramOptions, runPrograms } from './cli/program.ts'
export type { MachineView } from './machine/operator.ts'
/** One space that programs are compiled into, run in, and looked at, step by step. */
export type { Blocked, Failure, Note, Reason, RestReport, Stats, Status, Unconsumed } from './machine/outcome.ts'
export { type Compiled, Session, type SessionOptions } from './machine/session.ts'
/** A machine that runs by itself, in memory or in a directory that it survives in: `openVm({ space, durability })`. */
export { fromJs, toJs, type Value } from './values.ts'
export { Channel, type Deployed, openVm, Vm, type VmEvents, type VmOptions, type VmOutput } from './vm.ts'

// ── the world outside ───────────────────────────────────────────────────────────────────────────────────────────────

export { DirectoryRoot, MemoryRoot } from './host/files.ts'
/** What a session asks of its host, and two hosts: an ordinary process, and one without an outside. */
export { type OutputTarget, ProcessHost, QuietHost } from './host/hosts.ts'
export { MemorySink, Output, type Sink, type Stream, StreamSink } from './host/output.ts'
export { type Answer, LineReader, type LineSource, ScriptedLines } from './host/stdin.ts'
export { FileRefusal, type FileRoot, type FileStatus } from './machine/files.ts'
export type { Host } from './machine/host.ts'
export { Fault, manual, type PrimitiveLine } from './machine/primitives/index.ts'
/** `session.primitives.register(name, handler)`: operators by mnemonic (`ADD`), methods by name. `manual()` lists the built-in ones. */
export type { Handler, HandlerContext, Primitives } from './machine/primitives.ts'

// ── from text to images and back ────────────────────────────────────────────────────────────────────────────────────

/** Lossless: `decodeOpen(imageOf(p))` is `p` again, and congruent processes have the same image. */
export {
  type Compiled as CompiledImage,
  type CompiledOpen,
  compile,
  compileOpen,
  ImageTooLarge,
  imageOf,
  imageOfName,
  imageUnion,
  type SpanTable,
} from './compile/compile.ts'
export { decodeImage, decodeOpen } from './compile/decode.ts'
export { type Normalized, type NormalizeOptions, normalize, normalizeName, normalizeOpen, type OpenNormalized } from './normal/normalize.ts'
export { type Grant, UriTable } from './normal/uris.ts'
export type * as Ast from './syntax/ast.ts'
export { decodeSource } from './syntax/decode.ts'
export { format } from './syntax/format.ts'
export { type Parsed, type ParseOptions, parse, parseName } from './syntax/parser.ts'

// ── what is wrong with a program, and how it is shown ───────────────────────────────────────────────────────────────

export { CODES, type Code } from './base/codes.ts'
export { classOf, type Diagnostic } from './base/diagnostic.ts'
export { type Finding, type RenderOptions, renderDiagnostic, renderDiagnostics, renderFinding } from './base/render.ts'
export { NO_SPAN, type Place, type SourceFile, Sources, type Span, sources } from './base/source.ts'

// ── values ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Sets, maps and parallel compositions are made by these functions, which keep them in canonical order; everything else by its class. */
export { makeBundle, makeMap, makePar, makeSet } from './normal/build.ts'
export { toBytes } from './normal/bytes.ts'
export { match, matchAll, matches } from './normal/match.ts'
export { compare, equal, hashOf } from './normal/order.ts'
export { show, showName } from './normal/print.ts'
export {
  BigInteger,
  BigRat,
  Bundle,
  Bytes,
  components,
  Fixed,
  Float,
  forced,
  isValue,
  List,
  MapTerm,
  NIL,
  Node,
  Par,
  SetTerm,
  Tag,
  type Term,
  Tuple,
  tagOf,
  Unforgeable,
  Uri,
} from './normal/term.ts'
