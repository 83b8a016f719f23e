import { createRequire } from 'node:module'
import { extname } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { Handler } from '../machine/primitives.ts'

/**
 * The operations that modules serve: every function that a module exports, by its name. Modules are JavaScript or TypeScript; before Node 22.18 the latter
 * needs `tsx`, and gets classes of its own from this package.
 * @param modules file URLs
 * @throws Error if a module cannot be loaded or exports no function
 */
export async function loadOperations(modules: readonly string[]): Promise<[name: string, by: Handler][]> {
  const found: [string, Handler][] = []
  for (const url of modules) {
    const served = Object.entries(await load(url)).filter((e): e is [string, Handler] => typeof e[1] === 'function' && e[0] !== 'default')
    if (served.length === 0) throw new Error(`${url} exports no function by name`)
    found.push(...served)
  }
  return found
}

const TYPESCRIPT = ['.ts', '.mts', '.cts']
/** Not a literal: what is bundled without it has to do without it. */
const TSX = 'tsx/esm/api'

async function load(url: string): Promise<Record<string, unknown>> {
  try {
    return await import(url)
  } catch (e) {
    const unknown = (e as NodeJS.ErrnoException).code === 'ERR_UNKNOWN_FILE_EXTENSION' && TYPESCRIPT.includes(extname(fileURLToPath(url)))
    if (!unknown) throw e
  }
  // In a thread whose own program is TypeScript: as that was loaded.
  const require = createRequire(url)
  if ('.ts' in require.extensions) return require(fileURLToPath(url))
  const { tsImport } = (await import(TSX)) as typeof import('tsx/esm/api')
  return await tsImport(url, url)
}

/** The URL of a module given as one, or as a path. */
export function moduleUrl(module: string | URL): string {
  return module instanceof URL ? module.href : module.startsWith('file:') ? module : pathToFileURL(module).href
}
