/** What a shard counts beside its numbers of names and machines. */
export interface Tally {
  comms: number
  primitiveComms: number
  machinesMade: number
  slices: number
  namesMade: number
  produced: number
}

/** What an account counts. Limits and names are not part of it. */
export interface AccountTally {
  gas: number
  comms: number
  primitiveComms: number
  steps: number
  machines: number
  bytes: number
  failed: number
}

/** The counters as they stand. */
export function tallyOf(t: Readonly<Tally>): Tally {
  const { comms, primitiveComms, machinesMade, slices, namesMade, produced } = t
  return { comms, primitiveComms, machinesMade, slices, namesMade, produced }
}

export function addTally(to: Tally, t: Readonly<Tally>): void {
  to.comms += t.comms
  to.primitiveComms += t.primitiveComms
  to.machinesMade += t.machinesMade
  to.slices += t.slices
  to.namesMade += t.namesMade
  to.produced += t.produced
}

/** The counters as they stand; they begin anew. */
export function takeTally(t: Tally): Tally {
  const taken = tallyOf(t)
  t.comms = t.primitiveComms = t.machinesMade = t.slices = t.namesMade = t.produced = 0
  return taken
}

export function accountTallyOf(a: Readonly<AccountTally>): AccountTally {
  const { gas, comms, primitiveComms, steps, machines, bytes, failed } = a
  return { gas, comms, primitiveComms, steps, machines, bytes, failed }
}

export function addAccountTally(to: AccountTally, t: Readonly<AccountTally>): void {
  to.gas += t.gas
  to.comms += t.comms
  to.primitiveComms += t.primitiveComms
  to.steps += t.steps
  to.machines += t.machines
  to.bytes += t.bytes
  to.failed += t.failed
}

export function takeAccountTally(a: AccountTally): AccountTally {
  const taken = accountTallyOf(a)
  a.gas = a.comms = a.primitiveComms = a.steps = a.machines = a.bytes = a.failed = 0
  return taken
}
