import { lstatSync, unlinkSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'

/**
 * The operator's socket: a Unix domain socket that only its owner can open, one JSON object per line. A request is one line with the field `op`; the answer is any
 * number of lines and, last, `{"v":1,"kind":"done","exit":N}` with the exit code that a command should end with. Requests of one connection are served in order.
 */

/** A request or an answer. */
export type Message = Readonly<Record<string, unknown>>

/** Serves one request: hands answers to `answer`, resolves to an exit code. */
export type Serve = (request: Message, answer: (record: Message) => void) => Promise<number>

/** The socket cannot be served or reached. The message is for the person who named it. */
export class ControlError extends Error {
  readonly hint: string
  constructor(message: string, hint = '') {
    super(message)
    this.hint = hint
  }
}

/** A line longer than this is no request. */
const LINE_MAX = 64 << 20
const PATH_MAX = 107

export class ControlServer {
  private readonly server: Server
  private readonly sockets = new Set<Socket>()
  private waiting: (() => void)[] = []

  private constructor(server: Server) {
    this.server = server
  }

  /**
   * Listen on `path`. A socket that a process left behind is replaced; one that somebody serves, and any other file, is not.
   * @throws ControlError
   */
  static async open(path: string, serve: Serve): Promise<ControlServer> {
    // The host would cut a longer path off.
    if (Buffer.byteLength(path) > PATH_MAX)
      throw new ControlError(`cannot listen on \`${path}\`: the path of a socket has at most ${PATH_MAX} bytes`)
    const server = createServer()
    const control = new ControlServer(server)
    server.on('connection', socket => control.accept(socket, serve))
    try {
      await listen(server, path)
    } catch (e) {
      if ((e as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw cannotServe(path, e)
      if (!lstatSync(path).isSocket()) throw new ControlError(`cannot listen on \`${path}\`: it is a file of another kind`)
      if (await isServed(path)) throw new ControlError(`another process listens on \`${path}\``)
      try {
        unlinkSync(path)
        await listen(server, path)
      } catch (again) {
        throw cannotServe(path, again)
      }
    }
    return control
  }

  /** Operators that are connected. */
  get connections(): number {
    return this.sockets.size
  }

  /** Resolves when the next request has begun or has been served, or an operator has left. */
  change(): Promise<void> {
    return new Promise(resolve => this.waiting.push(resolve))
  }

  /** Stop listening; the socket goes away. Requests in progress are cut off. */
  async close(): Promise<void> {
    const closed = new Promise<void>(resolve => this.server.close(() => resolve()))
    for (const s of this.sockets) s.destroy()
    await closed
    this.changed()
  }

  private changed(): void {
    const list = this.waiting
    this.waiting = []
    for (const resolve of list) resolve()
  }

  private accept(socket: Socket, serve: Serve): void {
    this.sockets.add(socket)
    const answer = (record: Message): void => {
      if (!socket.destroyed) socket.write(`${JSON.stringify({ v: 1, ...record })}\n`)
    }
    let last: Promise<void> = Promise.resolve()
    const lines = new Lines(line => {
      last = last.then(async () => {
        const exit = served(line, serve, answer)
        this.changed() // it may have given the session something to do
        answer({ kind: 'done', exit: await exit })
        this.changed()
      })
    })
    socket.on('data', bytes => {
      if (lines.take(bytes)) return
      answer({ kind: 'error', code: 'BAD_ARGUMENT', message: 'a request is too long' })
      socket.destroy()
    })
    socket.on('end', () => void last.then(() => socket.end()))
    socket.on('error', () => socket.destroy())
    socket.on('close', () => {
      this.sockets.delete(socket)
      this.changed()
    })
  }
}

async function served(line: string, serve: Serve, answer: (record: Message) => void): Promise<number> {
  let request: unknown
  try {
    request = JSON.parse(line)
  } catch {
    // said below
  }
  if (typeof request !== 'object' || request === null || typeof (request as Message).op !== 'string') {
    answer({ kind: 'error', code: 'BAD_ARGUMENT', message: 'a request is a JSON object with a field `op`' })
    return 2
  }
  try {
    return await serve(request as Message, answer)
  } catch (e) {
    const { code, message } = e as { code?: unknown; message?: unknown }
    answer({ kind: 'error', code: typeof code === 'string' ? code : 'INTERNAL', message: String(message ?? e) })
    return typeof code === 'string' ? 5 : 70
  }
}

/** Bytes to lines. */
class Lines {
  private readonly parts: Buffer[] = []
  private length = 0
  private readonly line: (text: string) => void
  constructor(line: (text: string) => void) {
    this.line = line
  }
  /** False: a line has no end. */
  take(bytes: Buffer): boolean {
    let from = 0
    for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, from)) {
      this.parts.push(bytes.subarray(from, end))
      const text = Buffer.concat(this.parts).toString('utf8')
      this.parts.length = 0
      this.length = 0
      from = end + 1
      if (text.trim() !== '') this.line(text)
    }
    this.parts.push(bytes.subarray(from))
    this.length += bytes.length - from
    return this.length <= LINE_MAX
  }
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    // Only the owner may connect. The socket is bound within the call.
    const before = process.umask(0o177)
    try {
      server.listen(path, () => {
        server.off('error', reject)
        resolve()
      })
    } catch (e) {
      reject(e)
    } finally {
      process.umask(before)
    }
  })
}

function cannotServe(path: string, e: unknown): ControlError {
  const { code, message } = e as NodeJS.ErrnoException
  return new ControlError(
    `cannot listen on \`${path}\`: ${code ?? message}`,
    code === 'EINVAL' ? 'the path of a socket has at most 107 bytes' : '',
  )
}

function isServed(path: string): Promise<boolean> {
  return new Promise(resolve => {
    const probe = connect(path)
    probe.on('connect', () => {
      probe.destroy()
      resolve(true)
    })
    probe.on('error', () => resolve(false))
  })
}

const ABSENT: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such socket',
  ECONNREFUSED: 'the process that made it has ended',
}

/**
 * Send one request and hand on every answer.
 * @returns the exit code of the last line
 * @throws ControlError if nobody listens there, or the process that did ended
 */
export function ask(path: string, request: Message, take: (record: Message) => void): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = connect(path)
    let exit: number | undefined
    const lines = new Lines(line => {
      const record = JSON.parse(line) as Message
      if (record.kind !== 'done') {
        take(record)
        return
      }
      exit = Number(record.exit)
      socket.end()
    })
    socket.on('connect', () => socket.write(`${JSON.stringify(request)}\n`))
    socket.on('data', bytes => {
      try {
        lines.take(bytes)
      } catch {
        reject(new ControlError(`what listens on \`${path}\` is no \`rho\``))
        socket.destroy()
      }
    })
    socket.on('error', (e: NodeJS.ErrnoException) =>
      reject(
        new ControlError(
          `nobody listens on \`${path}\`: ${ABSENT[e.code ?? ''] ?? e.message}`,
          'the socket is made by `rho run --control SOCKET`',
        ),
      ),
    )
    socket.on('close', () => {
      if (exit === undefined) reject(new ControlError(`the process that listened on \`${path}\` ended`))
      else resolve(exit)
    })
  })
}
