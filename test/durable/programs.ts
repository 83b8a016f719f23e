/** Programs that are cut off and continued. Each prints as it goes, and what it prints in the end does not depend on the order of anything. */
export interface Subject {
  readonly name: string
  /** `size`: how long it goes on. */
  readonly source: (size: number) => string
  /** Lines in the order of printing, where the program determines it; else only as a multiset. */
  readonly ordered: boolean
  /** A program that prints `AUDIT_RIGHT` once, whenever it is added. */
  readonly audit?: string
  /** What holds of the messages on public names in the end. */
  readonly invariant?: (data: ReadonlyMap<string, string[][]>) => string | undefined
}

const ACCOUNTS = 8
const OPENING = 1000
export const AUDIT_RIGHT = `["audit", ${ACCOUNTS * OPENING}]`

/** Transfers between accounts by joins: both balances are taken and put back in one step, so the total never changes. */
export const bank: Subject = {
  name: 'bank transfers',
  ordered: false,
  source: size => `new stdout(\`rho:io:stdout\`), teller, go in {
  ${Array.from({ length: ACCOUNTS }, (_, i) => `@["account", ${i}]!(${OPENING})`).join(' | ')} |
  contract teller(@id, @n, @seed) = {
    match [seed * 1103515245 + 12345] { [next] => {
      match [(next / 65536) % ${ACCOUNTS}, (next / 7) % ${ACCOUNTS}, next % 90] { [from, to, amount] => {
        if (n == 0) { stdout!(["teller done", id]) }
        else { if (from == to) { teller!(id, n - 1, next % 2147483648) } else {
          for (@a <- @["account", from] & @b <- @["account", to]) {
            if (a >= amount) { @["account", from]!(a - amount) | @["account", to]!(b + amount) }
            else { @["account", from]!(a) | @["account", to]!(b) } |
            if (n % ${Math.max(1, Math.floor(size / 40))} == 0) { stdout!(["teller", id, "has", n, "to go"]) } |
            teller!(id, n - 1, next % 2147483648)
          }
        } }
      } }
    } }
  } |
  teller!(1, ${size}, 17) | teller!(2, ${size}, 29) | teller!(3, ${size}, 31)
}`,
  audit: `new stdout(\`rho:io:stdout\`) in {
  for (${Array.from({ length: ACCOUNTS }, (_, i) => `@b${i} <- @["account", ${i}]`).join(' & ')}) {
    stdout!(["audit", ${Array.from({ length: ACCOUNTS }, (_, i) => `b${i}`).join(' + ')}]) |
    ${Array.from({ length: ACCOUNTS }, (_, i) => `@["account", ${i}]!(b${i})`).join(' | ')}
  }
}`,
  invariant: data => {
    let total = 0
    for (let i = 0; i < ACCOUNTS; i++) {
      const held = data.get(`@["account", ${i}]`) ?? []
      if (held.length !== 1) return `account ${i} holds ${held.length} balances`
      total += Number(held[0][0])
    }
    return total === ACCOUNTS * OPENING ? undefined : `the total is ${total}`
  },
}

export const pingPong: Subject = {
  name: 'ping-pong',
  ordered: true,
  source: size => `new stdout(\`rho:io:stdout\`), ping, pong in {
  contract ping(@n) = { if (n % ${Math.max(1, Math.floor(size / 100))} == 0) { stdout!(["ping", n]) } | pong!(n) } |
  contract pong(@n) = { if (n < ${size}) { ping!(n + 1) } else { stdout!("over") } } |
  ping!(0)
}`,
}

export const philosophers: Subject = {
  name: 'philosophers',
  ordered: false,
  source: size => `new stdout(\`rho:io:stdout\`), philosopher, f0, f1, f2, f3, f4 in {
  f0!(Nil) | f1!(Nil) | f2!(Nil) | f3!(Nil) | f4!(Nil) |
  contract philosopher(@who, left, right, @meals) = {
    for (@l <- left & @r <- right) {
      left!(l) | right!(r) |
      if (meals % ${Math.max(1, Math.floor(size / 25))} == 0) { stdout!([who, "has eaten", meals]) } |
      if (meals < ${size}) { philosopher!(who, *left, *right, meals + 1) }
    }
  } |
  philosopher!("Plato", *f0, *f1, 1) | philosopher!("Kant", *f1, *f2, 1) | philosopher!("Hume", *f2, *f3, 1) |
  philosopher!("Marx", *f3, *f4, 1) | philosopher!("Mill", *f4, *f0, 1)
}`,
}

/** A map that grows, entries that stay, closures that wait: most of what happens is still there at the end. */
export const store: Subject = {
  name: 'growing store',
  ordered: true,
  source: size => `new stdout(\`rho:io:stdout\`), fill, cell in {
  cell!({}) |
  contract fill(@n) = {
    if (n == ${size}) { for (@m <- cell) { stdout!(["entries", m.size()]) | @"whole"!(m.get("k7"), m.get("k${size - 1}")) } }
    else {
      for (@m <- cell) {
        cell!(m.set("k" ++ "\${n}" %% {"n": n}, [n, n * n])) |
        @["entry", n]!(n, { @"later"!(n) }) |
        for (@{go} <- @["wake", n]) { go } |
        if (n % ${Math.max(1, Math.floor(size / 150))} == 0) { stdout!(["filled", n]) } |
        fill!(n + 1)
      }
    }
  } |
  fill!(0)
}`,
}

/** Nothing but lines, in order. */
export const printer: Subject = {
  name: 'output-heavy',
  ordered: true,
  source: size => `new stdout(\`rho:io:stdoutAck\`), line, ack in {
  contract line(@n) = { if (n < ${size}) { stdout!(["line", n, "of", ${size}], *ack) | for (_ <- ack) { line!(n + 1) } } else { @"printed"!(n) } } |
  line!(0)
}`,
}

export const SUBJECTS: readonly Subject[] = [bank, pingPong, philosophers, store, printer]
