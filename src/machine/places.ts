import { decodeImage } from '../compile/decode.ts'
import type { Unforgeable } from '../normal/term.ts'
import { Garbled } from './codec.ts'
import { type Linked, type Linker, Member, type Program, QUOTED, Template } from './link.ts'
import { collectNames } from './reach.ts'
import { type RecvSite, SendSite } from './site.ts'

/** Places in code, as stored and sent records name them: by offsets in the image of a program. */

/** What was made from places of one program. */
class Known {
  readonly templates = new Map<number, Template>()
  readonly members = new Map<number, Member>()
  readonly sites = new Map<number, SendSite>()
}

/** One object for each place that records name: machines of the same code share what is linked. */
export class Places {
  private readonly linker: Linker
  private readonly programs = new WeakMap<Program, Known>()
  constructor(linker: Linker) {
    this.linker = linker
  }

  private of(program: Program): Known {
    let known = this.programs.get(program)
    if (known === undefined) this.programs.set(program, (known = new Known()))
    return known
  }

  /** `len` 0: the image at an offset; otherwise the one sequence there. */
  template(program: Program, at: number, len: number): Template {
    const { templates } = this.of(program)
    const id = 2 * at + (len === 0 ? 0 : 1)
    let t = templates.get(id)
    if (t === undefined) {
      t = len === 0 ? new Template(this.linker, program, at) : new Template(this.linker, program, 0, this.member(program, at, len))
      templates.set(id, t)
    }
    return t
  }

  member(program: Program, at: number, len: number): Member {
    const { members } = this.of(program)
    let m = members.get(at)
    if (m === undefined) members.set(at, (m = new Member(this.linker, program, 1, at, len)))
    return m
  }

  /** @param form twice the number of values, and 1 if they stay */
  site(program: Program, at: number, form: number): SendSite {
    const { sites } = this.of(program)
    let site = sites.get(at)
    if (site === undefined) sites.set(at, (site = new SendSite(form % 2 === 1, form >> 1, program, at)))
    return site
  }
}

/**
 * A position in register code in terms of the image: the instruction, the how-manieth piece of register code made from it, and how far into that. The last
 * two are 0 but for machines that wait in the midst of an expression.
 */
export function placeOf(linked: Linked, pc: number): { at: number; nth: number; beyond: number } {
  const { map } = linked
  if (map.length === 0) return { at: linked.at, nth: 0, beyond: pc }
  let low = 0
  let high = map.length / 2 - 1
  while (low < high) {
    const mid = (low + high + 1) >> 1
    if (map[2 * mid] <= pc) low = mid
    else high = mid - 1
  }
  const at = map[2 * low + 1]
  let nth = 0
  for (let i = 0; i < low; i++) if (map[2 * i + 1] === at) nth++
  return { at, nth, beyond: pc - map[2 * low] }
}

/** @throws Garbled if there is no such place */
export function pcOf(linked: Linked, at: number, nth: number): number {
  const { map } = linked
  if (map.length === 0) return 0
  let left = nth
  for (let i = 0; i < map.length; i += 2) if (map[i + 1] === at && left-- === 0) return map[i]
  throw new Garbled(`no instruction at ${at}`)
}

/** The receive that a machine at `pc` waits in. @throws Garbled if there is none */
export function siteAt(linked: Linked, pc: number): RecvSite {
  const op = linked.code[pc]
  if (op < 21 || op > 24) throw new Garbled('a machine waits where there is no receive')
  return linked.consts[linked.code[pc + 2]] as RecvSite
}

/** Names that stand in the code of a program: only in code that came as a term. */
export function namesIn(program: Program): Unforgeable[] {
  return program.name === QUOTED ? collectNames(decodeImage(program.words, 0)([])) : []
}
