/**
 * HTTP requests served by a contract: Node answers the socket, the contract decides what is said, and what it remembers survives the process.
 * Run it: `npx tsx examples/embed/http.ts [FOLDER]`. It asks itself a few questions, stops, opens the space again and asks for the rest.
 */
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { openVm, type Vm } from '../../src/index.ts'
import { withFolder } from './folder.ts'

const NOTES = `new notes in {
  notes!({}) |
  contract @"http"(@method, @path, @body, reply) = {
    for (@all <- notes) {
      match [method, all.contains(path)] {
        ["PUT", _]      => { notes!(all.set(path, body)) | reply!([200, "kept"]) }
        ["GET", true]   => { notes!(all) | reply!([200, all.get(path)]) }
        ["DELETE", true] => { notes!(all.delete(path)) | reply!([200, "gone"]) }
        _               => { notes!(all) | reply!([404, "nothing here"]) }
      }
    }
  }
}`

async function textOf(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const part of request.setEncoding('utf8')) text += part
  return text
}

/** Every request is one call of the contract; the answer is what it sends back. */
function serve(vm: Vm) {
  const http = vm.channel('@"http"')
  return createServer(async (request, response) => {
    const [status, text] = (await http.call(request.method, request.url, await textOf(request))) as [number, string]
    response.writeHead(status, { 'content-type': 'text/plain' }).end(`${text}\n`)
  })
}

/** One life of the server. */
async function live(space: string, ask: (at: string) => Promise<void>): Promise<void> {
  const vm = await openVm({ space })
  if (vm.fresh) await vm.deploy(NOTES, { name: 'notes.rho' })
  const server = serve(vm)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  await ask(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  server.closeAllConnections()
  await new Promise(resolve => server.close(resolve))
  await vm.close()
}

async function show(method: string, url: string, body?: string): Promise<void> {
  const answer = await fetch(url, { method, body })
  console.log(`${method} ${new URL(url).pathname}: ${answer.status} ${(await answer.text()).trim()}`)
}

await withFolder(async space => {
  await live(space, async at => {
    await show('PUT', `${at}/milk`, 'two litres')
    await show('PUT', `${at}/bread`, 'rye')
    await show('GET', `${at}/milk`)
    await show('DELETE', `${at}/bread`)
  })
  console.log('— another process —')
  await live(space, async at => {
    await show('GET', `${at}/milk`)
    await show('GET', `${at}/bread`)
  })
})
