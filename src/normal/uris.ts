import type { Code } from '../base/codes.ts'
import { didYouMean } from '../base/nearest.ts'

/** What a run must have been given before a program may bind the URI. */
export type Grant = 'read files' | 'primitives' | 'control' | 'test'

/** One URI that `new x(…)` can name. */
export interface UriEntry {
  readonly uri: string
  /** `channel`: a write-only system channel; `value`: a name that is a value; `contract`: a library contract, write-only. */
  readonly kind: 'channel' | 'value' | 'contract'
  /** Values that one message carries; -1 where it depends on the message. */
  readonly arity: number
  /** False: the language defines it, this version does not run it yet (RHO407). */
  readonly available: boolean
  readonly grant: Grant | null
  /** The version that brought it; empty while it is not available. */
  readonly since: string
}

function channel(uri: string, arity: number, grant: Grant | null = null): UriEntry {
  return { uri, kind: 'channel', arity, available: true, grant, since: '0.1' }
}
function later(uri: string, arity: number, kind: UriEntry['kind'] = 'channel', grant: Grant | null = null): UriEntry {
  return { uri, kind, arity, available: false, grant, since: '' }
}

/** Every URI of rholang.md sections 13 to 15. The one list: static checks, documentation and the machine's start derive from it. */
export const SYSTEM_URIS: readonly UriEntry[] = [
  channel('rho:io:stdout', 1),
  channel('rho:io:stderr', 1),
  channel('rho:io:stdoutAck', 2),
  channel('rho:io:stderrAck', 2),
  channel('rho:io:print', 2),
  channel('rho:io:stdlog', 2),
  channel('rho:io:devNull', 1),
  channel('rho:io:stdin', 1),
  channel('rho:io:file', 3, 'read files'),
  channel('rho:execution:abort', 1),
  channel('rho:time:now', 1),
  channel('rho:time:after', 2),
  channel('rho:time:logical', 1),
  channel('rho:vm:primitive', 3, 'primitives'),
  channel('rho:vm:spawn', 2, 'control'),
  channel('rho:vm:self', 1, 'control'),
  later('rho:crypto:sha256Hash', 2),
  later('rho:crypto:keccak256Hash', 2),
  later('rho:crypto:blake2b256Hash', 2),
  later('rho:crypto:ed25519Verify', 4),
  later('rho:crypto:secp256k1Verify', 4),
  later('rho:block:data', 1),
  later('rho:deploy:data', 1),
  later('rho:system:deployId', 0, 'value'),
  later('rho:system:deployerId', 0, 'value'),
  later('rho:rchain:deployId', 0, 'value'),
  later('rho:rchain:deployerId', 0, 'value'),
  later('rho:system:deployerId:ops', 3),
  later('rho:rchain:deployerId:ops', 3),
  later('rho:casper:invalidBlocks', 1),
  later('rho:system:bitmaskMergeableTag', 0, 'value'),
  later('rho:registry:lookup', 2),
  later('rho:registry:insertArbitrary', 2),
  later('rho:registry:insertSigned:secp256k1', 4),
  later('rho:registry:ops', 3),
  later('rho:lang:either', -1, 'contract'),
  later('rho:lang:listOps', -1, 'contract'),
  later('rho:lang:nonNegativeNumber', -1, 'contract'),
  later('rho:lang:stack', -1, 'contract'),
  later('rho:lang:treeHashMap', -1, 'contract'),
  later('rho:system:authKey', -1, 'contract'),
  later('rho:rchain:authKey', -1, 'contract'),
  later('rho:system:makeMint', -1, 'contract'),
  later('rho:rchain:makeMint', -1, 'contract'),
  later('rho:test:assertAck', 5, 'channel', 'test'),
  later('rho:test:testSuiteCompleted', 1, 'channel', 'test'),
  later('rho:test:deployerId:make', 3, 'channel', 'test'),
  later('rho:test:crypto:secp256k1Sign', 3, 'channel', 'test'),
  later('rho:test:block:data:set', 3, 'channel', 'test'),
  later('rho:test:casper:invalidBlocks:set', 2, 'channel', 'test'),
  later('rho:test:rhoSpec', -1, 'contract', 'test'),
]

/** The URI that everybody may bind and whose last word is `word`: somebody who uses `stdout` without declaring it means that one. */
export function uriCalled(word: string): string | undefined {
  return SYSTEM_URIS.find(e => e.available && e.grant === null && e.uri.endsWith(`:${word}`))?.uri
}

/** Families that programs written for chain nodes use and that are not provided (rholang.md 13.1). */
const OF_A_NODE = /^(sys:|rho:(rev|vault|rchain|casper|ai|ollama|chroma|system|metta)\b|rho:io:(grpc|http)|rho:registry:)/

/** The option that gives a grant, as hints name it. */
const OPTION: Record<Grant, string> = {
  'read files': 'pass `--allow-read DIR` or `--allow-write DIR`',
  primitives: 'pass `--allow primitives`',
  control: 'pass `--allow control`',
  test: 'run it with `rho test`',
}

const BY_URI = new Map(SYSTEM_URIS.map(entry => [entry.uri, entry]))

export interface UriProblem {
  readonly code: Code
  readonly message: string
  readonly hint: string
}

/** The URIs that one run offers: the system's, as far as granted, and what the embedder injects. */
export class UriTable {
  private readonly granted: ReadonlySet<Grant>
  private readonly injected: ReadonlySet<string>
  /** Suggestions still to be made: a hundred thousand misspelt URIs must not cost a hundred thousand searches. */
  private suggestions = 100

  constructor(options: { granted?: Iterable<Grant>; injected?: Iterable<string> } = {}) {
    this.granted = new Set(options.granted)
    this.injected = new Set(options.injected)
  }

  /** The system's entry; undefined for injected and unknown URIs. */
  entry(uri: string): UriEntry | undefined {
    return this.injected.has(uri) ? undefined : BY_URI.get(uri)
  }

  /** Why `uri` cannot be bound in this run (RHO405, RHO406, RHO407); null when it can. */
  check(uri: string): UriProblem | null {
    if (this.injected.has(uri)) return null
    const entry = BY_URI.get(uri)
    if (entry === undefined) return { code: 'RHO405', message: `nothing is known by the URI \`${uri}\``, hint: this.neighbour(uri) }
    if (!entry.available)
      return {
        code: 'RHO407',
        message: `\`${uri}\` is part of the language but not available yet`,
        hint: 'this version does not run it; a later one will',
      }
    if (entry.grant !== null && !this.granted.has(entry.grant))
      return { code: 'RHO406', message: `this run was not granted \`${uri}\``, hint: OPTION[entry.grant] }
    return null
  }

  /** True when receiving from the name can only fail: system channels are write-only bundles. */
  isWriteOnly(uri: string): boolean {
    const entry = this.entry(uri)
    return entry !== undefined && entry.kind !== 'value'
  }

  private neighbour(uri: string): string {
    if (uri.startsWith('rho:id:')) return 'look it up with `rho:registry:lookup`'
    const near = this.suggestions-- > 0 ? didYouMean(uri, this.candidates()) : ''
    return near === '' && OF_A_NODE.test(uri)
      ? 'it is a service of a chain node (vaults, accounts, consensus, AI), which Rhizome is not'
      : near
  }

  private *candidates(): Iterable<string> {
    yield* this.injected
    yield* BY_URI.keys()
  }
}
