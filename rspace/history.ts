/**
 * Earlier states by name: a radix-16 trie over the rows of a space, its nodes named by their content. A checkpoint costs what has changed
 * since the one before times the depth; checkpoints share all nodes that are equal; a node goes with the last checkpoint that reaches it.
 */
import type { Root } from './api.ts'
import { RhizomeError } from './errors.ts'
import { fromLatin1, hash, latin1, toHex } from './hash.ts'
import { type Change, framed, type Removal, type Row, TAG } from './rows.ts'
import { compareBytes, Malformed, Reader, Writer } from './store/bytes.ts'

/** Name of a node: 32 bytes as text, one character each. */
export type NodeId = string

class Node {
  /** Nodes above, checkpoints and present trees that reach it. */
  refs = 0
  /** Of an inner node: bit n is set if child n is there; children in order of n. */
  readonly mask: number
  readonly children: readonly NodeId[] | null
  /** Of a leaf: the hash of its key, which is where it belongs. */
  readonly path: string
  /** Of a leaf that the store does not have: key and value. */
  bytes: Uint8Array | null
  stored = false
  constructor(mask: number, children: readonly NodeId[] | null, path: string, bytes: Uint8Array | null) {
    this.mask = mask
    this.children = children
    this.path = path
    this.bytes = bytes
  }
}

export interface Kept {
  readonly root: Root
  /** Counts checkpoints; the order of age. */
  readonly serial: number
  readonly pinned: boolean
  /** Undefined: a state without rows. */
  readonly tree: NodeId | undefined
}
/** Which checkpoints stay: the newest `last` (default 10), every `every`-th, and pinned ones. */
export interface KeepPolicy {
  readonly last?: number
  readonly every?: number
}

const LEAF = 0
const INNER = 1

/** Where a row belongs. Hashed, so that nobody can make the trie deep by choosing keys. */
const pathOf = (key: Uint8Array): string => latin1(hash('path', key))
const nibble = (path: string, depth: number): number => (path.charCodeAt(depth >> 1) >> (depth & 1 ? 0 : 4)) & 15

function leafBytes(key: Uint8Array, value: Uint8Array): Uint8Array {
  return new Writer(key.length + value.length + 8).u8(LEAF).blob(key).raw(value).view().slice()
}
function innerBytes(mask: number, children: readonly NodeId[]): Uint8Array {
  const w = new Writer(3 + children.length * 32).u8(INNER).u16(mask)
  for (const c of children) w.raw(fromLatin1(c))
  return w.view().slice()
}
const idOf = (bytes: Uint8Array): NodeId => latin1(hash('node', bytes))

/** A node from its bytes; with the row it holds, if it is a leaf. @throws RhizomeError CORRUPT */
function parse(bytes: Uint8Array): { node: Node; row?: Row } {
  try {
    const r = new Reader(bytes)
    const kind = r.u8()
    if (kind === LEAF) {
      const key = r.blob().slice()
      return { node: new Node(0, null, pathOf(key), null), row: [key, r.raw(r.left).slice()] }
    }
    const mask = r.u16()
    const children: NodeId[] = []
    for (let bits = mask; bits > 0; bits &= bits - 1) children.push(latin1(r.raw(32)))
    r.end()
    if (kind !== INNER || mask === 0) throw new Malformed('unknown kind of node')
    return { node: new Node(mask, children, '', null) }
  } catch (e) {
    if (e instanceof Malformed) throw new RhizomeError('CORRUPT', `a trie node is malformed: ${e.message}`)
    throw e
  }
}

export const nodeKey = (id: NodeId): Uint8Array => new Writer(33).u8(TAG.N).raw(fromLatin1(id)).view().slice()
export const checkpointKey = (root: Root): Uint8Array => {
  const bytes = Buffer.from(root, 'hex')
  return new Writer(33).u8(TAG.S).raw(bytes).view().slice()
}

interface Item {
  readonly path: string
  /** Undefined: the row is gone. */
  readonly leaf: NodeId | undefined
}

export class History {
  /** Oldest first. */
  readonly roots = new Map<Root, Kept>()
  private readonly nodes = new Map<NodeId, Node>()
  private serial = 0
  private readonly keep: KeepPolicy
  /** Reads nodes that the store has; absent: nothing is stored. */
  private readonly read: ((keys: readonly Uint8Array[]) => Promise<(Uint8Array | undefined)[]>) | undefined
  // Rows for the next commit.
  private readonly toPut = new Map<NodeId, Uint8Array>()
  private readonly toDelete = new Set<NodeId>()
  private readonly rootsToPut = new Set<Root>()
  private readonly rootsToDelete = new Set<Root>()

  constructor(keep: KeepPolicy = {}, read?: (keys: readonly Uint8Array[]) => Promise<(Uint8Array | undefined)[]>) {
    this.keep = keep
    this.read = read
  }

  // ------------------------------------------------------------------------------------------------ trees

  /** A tree of these rows. To be held by whoever wants it to stay. */
  plant(list: Iterable<Row>): NodeId | undefined {
    const items: Item[] = []
    for (const [key, value] of list) {
      const path = pathOf(key)
      items.push({ path, leaf: this.leaf(path, key, value) })
    }
    return this.build(sorted(items), 0)
  }

  /** `tree` with some rows replaced, added, or (value `null`) taken away. */
  change(tree: NodeId | undefined, changes: Iterable<{ readonly key: Uint8Array; readonly value: Uint8Array | null }>): NodeId | undefined {
    const items: Item[] = []
    for (const { key, value } of changes) {
      const path = pathOf(key)
      items.push({ path, leaf: value === null ? undefined : this.leaf(path, key, value) })
    }
    return this.apply(tree, sorted(items), 0)
  }

  private leaf(path: string, key: Uint8Array, value: Uint8Array): NodeId {
    const bytes = leafBytes(key, value)
    const id = idOf(bytes)
    if (!this.nodes.has(id)) this.nodes.set(id, new Node(0, null, path, bytes))
    return id
  }

  private inner(mask: number, children: readonly NodeId[]): NodeId {
    const id = idOf(innerBytes(mask, children))
    if (!this.nodes.has(id)) {
      this.nodes.set(id, new Node(mask, children, '', null))
      for (const c of children) (this.nodes.get(c) as Node).refs++
    }
    return id
  }

  // Both go down one nibble at a time, at most 64 deep, whatever the number of rows.

  private build(items: readonly Item[], depth: number): NodeId | undefined {
    if (items.length <= 1) return items[0]?.leaf
    let mask = 0
    const children: NodeId[] = []
    for (let from = 0; from < items.length; ) {
      const n = nibble(items[from].path, depth)
      let to = from + 1
      while (to < items.length && nibble(items[to].path, depth) === n) to++
      mask |= 1 << n
      children.push(this.build(to - from === items.length ? items : items.slice(from, to), depth + 1) as NodeId)
      from = to
    }
    return this.inner(mask, children)
  }

  private apply(id: NodeId | undefined, items: readonly Item[], depth: number): NodeId | undefined {
    if (items.length === 0) return id
    const node = id === undefined ? undefined : (this.nodes.get(id) as Node)
    if (node === undefined || node.children === null) {
      // A subtree of one row is that row's leaf.
      const stays = node !== undefined && !items.some(i => i.path === node.path)
      const all = items.filter(i => i.leaf !== undefined)
      return this.build(stays ? sorted([...all, { path: node.path, leaf: id as NodeId }]) : all, depth)
    }
    let mask = 0
    const children: NodeId[] = []
    let same = true
    for (let n = 0, at = 0, child = 0; n < 16; n++) {
      const before = (node.mask & (1 << n)) === 0 ? undefined : node.children[child++]
      const from = at
      while (at < items.length && nibble(items[at].path, depth) === n) at++
      const after = from === at ? before : this.apply(before, items.slice(from, at), depth + 1)
      same &&= after === before
      if (after === undefined) continue
      mask |= 1 << n
      children.push(after)
    }
    if (same) return id
    if (children.length === 0) return undefined
    if (children.length === 1 && (this.nodes.get(children[0]) as Node).children === null) return children[0]
    return this.inner(mask, children)
  }

  hold(tree: NodeId | undefined): void {
    if (tree !== undefined) (this.nodes.get(tree) as Node).refs++
  }

  /** The tree is not wanted any more here; what nobody else reaches is forgotten, and leaves the store with the next commit. */
  drop(tree: NodeId | undefined): void {
    if (tree === undefined) return
    const work = [tree]
    for (let id = work.pop(); id !== undefined; id = work.pop()) {
      const node = this.nodes.get(id) as Node
      if (--node.refs > 0) continue
      this.nodes.delete(id)
      if (!this.toPut.delete(id) && node.stored && this.read !== undefined) this.toDelete.add(id)
      if (node.children !== null) work.push(...node.children)
    }
  }

  // ------------------------------------------------------------------------------------------------ checkpoints

  /** Name a tree; what the policy does not keep goes. */
  keepRoot(root: Root, tree: NodeId | undefined, pin: boolean): void {
    const before = this.roots.get(root)
    this.hold(tree)
    this.roots.delete(root)
    this.put({ root, serial: ++this.serial, pinned: pin || before?.pinned === true, tree })
    if (before !== undefined) this.drop(before.tree)
    if (tree !== undefined) this.store(tree)
    this.forgetOld()
  }

  /** Let the policy decide about a pinned checkpoint again. False: there is none of that name. */
  unpin(root: Root): boolean {
    const kept = this.roots.get(root)
    if (kept === undefined) return false
    this.put({ ...kept, pinned: false })
    this.forgetOld()
    return true
  }

  private put(kept: Kept): void {
    this.roots.set(kept.root, kept)
    if (this.read !== undefined) this.rootsToPut.add(kept.root)
    this.rootsToDelete.delete(kept.root)
  }

  private forgetOld(): void {
    const { last = 10, every } = this.keep
    const candidates = [...this.roots.values()]
    for (const { root, serial, pinned, tree } of candidates.slice(0, Math.max(0, candidates.length - last))) {
      if (pinned || (every !== undefined && serial % every === 0)) continue
      this.roots.delete(root)
      this.rootsToPut.delete(root)
      if (this.storedRoots.has(root)) this.rootsToDelete.add(root)
      this.drop(tree)
    }
  }
  /** Roots whose rows the store has, or will have with a commit on its way. */
  private readonly storedRoots = new Set<Root>()

  /** Everything below goes to the store with the next commit, except what is there. */
  private store(tree: NodeId): void {
    const work = [tree]
    for (let id = work.pop(); id !== undefined; id = work.pop()) {
      const node = this.nodes.get(id) as Node
      if (node.stored) continue
      node.stored = true
      if (this.read !== undefined) {
        const bytes = node.children === null ? (node.bytes as Uint8Array) : innerBytes(node.mask, node.children)
        if (!this.toDelete.delete(id)) this.toPut.set(id, bytes)
        node.bytes = null
      }
      if (node.children !== null) work.push(...node.children)
    }
  }

  /** The changes of rows since the last call. */
  drain(put: Change[], del: Removal[]): void {
    for (const [id, bytes] of this.toPut) put.push([nodeKey(id), bytes, null])
    for (const id of this.toDelete) del.push(nodeKey(id))
    for (const root of this.rootsToPut) {
      const { serial, pinned, tree } = this.roots.get(root) as Kept
      put.push([
        checkpointKey(root),
        new Writer(48)
          .varint(serial)
          .u8(pinned ? 1 : 0)
          .raw(fromLatin1(tree ?? ''))
          .view()
          .slice(),
      ])
      this.storedRoots.add(root)
    }
    for (const root of this.rootsToDelete) {
      del.push(checkpointKey(root))
      this.storedRoots.delete(root)
    }
    this.onTheWay.push(new Map(this.toPut))
    this.toPut.clear()
    this.toDelete.clear()
    this.rootsToPut.clear()
    this.rootsToDelete.clear()
  }
  /** The oldest changes that were handed over are in the store now. */
  landed(): void {
    this.onTheWay.shift()
  }
  /** Nodes that were handed over, and for which the store cannot answer yet. */
  private readonly onTheWay: Map<NodeId, Uint8Array>[] = []

  // ------------------------------------------------------------------------------------------------ reading

  /** Nodes and checkpoints as the store has them. @throws RhizomeError CORRUPT if a checkpoint is not whole */
  load(nodeRows: Iterable<Row>, rootRows: Iterable<Row>): void {
    for (const [key, value] of nodeRows) {
      const { node } = parse(value)
      const id = latin1(key.subarray(1))
      if (idOf(value) !== id) throw new RhizomeError('CORRUPT', `trie node ${toHex(key.subarray(1, 9))}… has another content`)
      node.stored = true
      this.nodes.set(id, node)
    }
    const lost = (what: string): RhizomeError =>
      new RhizomeError('CORRUPT', `${what} reaches a trie node that is missing`, { hint: 'Open without history `merkle`, or repair.' })
    for (const { children } of this.nodes.values())
      for (const c of children ?? []) {
        const child = this.nodes.get(c)
        if (child === undefined) throw lost('a trie node')
        child.refs++
      }
    const found = [...rootRows].map(readCheckpoint)
    for (const kept of found.sort((a, b) => a.serial - b.serial)) {
      if (kept.tree !== undefined && !this.nodes.has(kept.tree)) throw lost(`checkpoint ${kept.root}`)
      this.hold(kept.tree)
      this.roots.set(kept.root, kept)
      this.storedRoots.add(kept.root)
      this.serial = Math.max(this.serial, kept.serial)
    }
    for (const [id, node] of [...this.nodes]) {
      if (node.refs > 0) continue
      node.refs++
      this.drop(id) // no checkpoint reaches it
    }
  }

  /** All rows of a tree, in key order. @throws RhizomeError CORRUPT */
  async rowsOf(tree: NodeId | undefined): Promise<Row[]> {
    if (tree === undefined) return []
    this.hold(tree)
    try {
      const found: Row[] = []
      const wanted: NodeId[] = []
      const work = [tree]
      for (let id = work.pop(); id !== undefined; id = work.pop()) {
        const node = this.nodes.get(id) as Node
        if (node.children !== null) {
          work.push(...node.children)
          continue
        }
        const bytes = node.bytes ?? this.toPut.get(id) ?? this.onTheWay.find(m => m.has(id as NodeId))?.get(id)
        if (bytes === undefined) wanted.push(id)
        else found.push(parse(bytes).row as Row)
      }
      for (let at = 0; at < wanted.length; at += READ_AT_ONCE) {
        const some = wanted.slice(at, at + READ_AT_ONCE)
        const values = (await this.read?.(some.map(nodeKey))) ?? []
        some.forEach((id, i) => {
          const value = values[i]
          if (value === undefined || idOf(value) !== id) throw new RhizomeError('CORRUPT', 'a trie node is missing or has another content')
          found.push(parse(value).row as Row)
        })
      }
      return found.sort((a, b) => compareBytes(a[0], b[0]))
    } finally {
      this.drop(tree)
    }
  }

  /** Inner nodes between the root of a tree and the rows with these keys, without those in `known`, which grows by them. */
  proof(tree: NodeId | undefined, keys: Iterable<Uint8Array>, known: Set<NodeId>): Uint8Array[] {
    const out: Uint8Array[] = []
    for (const key of keys) {
      const path = pathOf(key)
      let id = tree
      for (let depth = 0; id !== undefined; depth++) {
        const { mask, children }: Node = this.nodes.get(id) as Node
        if (children === null) break
        if (!known.has(id)) {
          known.add(id)
          out.push(innerBytes(mask, children))
        }
        id = childAt(mask, children, nibble(path, depth))
      }
    }
    return out
  }
}

function readCheckpoint([key, value]: Row): Kept {
  try {
    const r = new Reader(value)
    const [serial, flags] = [r.varint(), r.u8()]
    const tree = r.left === 0 ? undefined : latin1(r.raw(32))
    r.end()
    return { root: toHex(key.subarray(1)), serial, pinned: flags === 1, tree }
  } catch (e) {
    if (e instanceof Malformed) throw new RhizomeError('CORRUPT', `a checkpoint is malformed: ${e.message}`)
    throw e
  }
}

const READ_AT_ONCE = 1000
const sorted = (items: Item[]): Item[] => items.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0))

function childAt(mask: number, children: readonly NodeId[], n: number): NodeId | undefined {
  if ((mask & (1 << n)) === 0) return undefined
  let index = 0
  for (let bits = mask & ((1 << n) - 1); bits > 0; bits &= bits - 1) index++
  return children[index]
}

/** Checks rows against the name of a tree they are said to belong to, with the inner nodes on the way to them. */
export class Proofs {
  private readonly tree: NodeId
  private readonly known = new Map<NodeId, Node>()
  constructor(tree: Uint8Array) {
    this.tree = latin1(tree)
  }
  learn(nodes: readonly Uint8Array[]): void {
    for (const bytes of nodes) this.known.set(idOf(bytes), parse(bytes).node)
  }
  /** Whether the row is part of the tree. */
  has([key, value]: Row): boolean {
    const path = pathOf(key)
    const leaf = idOf(leafBytes(key, value))
    let id: NodeId | undefined = this.tree
    for (let depth = 0; id !== undefined && id !== leaf; depth++) {
      const node = this.known.get(id)
      if (node === undefined || node.children === null || depth >= 64) return false
      id = childAt(node.mask, node.children, nibble(path, depth))
    }
    return id === leaf
  }
  /** Whether these rows are the whole tree. */
  isAll(rows: readonly Row[]): boolean {
    return (new History().plant(rows) ?? '') === this.tree
  }
}

export const treeHex = (tree: NodeId | undefined): string => toHex(fromLatin1(tree ?? ''))

/** Hash over the page before and the rows of this one. */
export function pageChain(before: Uint8Array, page: readonly Row[]): Uint8Array {
  return hash('page', before, framed(page.flat()))
}
