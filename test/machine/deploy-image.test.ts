import { describe, expect, it } from 'vitest'
import { compile } from '../../src/compile/compile.ts'
import { QuietHost } from '../../src/host/hosts.ts'
import { Session } from '../../src/machine/session.ts'
import { UriTable } from '../../src/normal/uris.ts'
import { read } from '../normal/program.ts'

const session = () => new Session({ host: new QuietHost(), virtualTime: true })
const uris = new UriTable({ granted: ['read files'], injected: ['rho:my:thing'] })
const imageOf = (text: string): Uint32Array => compile(read(text, { uris }).term).image

describe('an image that is started', () => {
  it('runs as its source does', () => {
    const s = session()
    expect(s.deployImage(imageOf('@"c"!({1 | 2}.show() , Set(3, 1, 2))'))).toBe(1)
    s.run()
    expect(s.data().get('@"c"')).toEqual([['"1 |\\n2"', 'Set(1, 2, 3)']])
  })

  it('is refused before it starts if it asks for what this session cannot bind', () => {
    const s = session()
    expect(s.deployImage(imageOf('@"c"!({ new x(`rho:my:thing`) in { x!(1) } })'))).toMatchObject({ code: 'RHO405', uri: 'rho:my:thing' })
    expect(s.deployImage(imageOf('new f(`rho:io:file`) in { f!(1, 2, 3) }'))).toMatchObject({ code: 'RHO406', uri: 'rho:io:file' })
    expect(s.deployImage(compile(read('@"c"!({| 1 |})').term).image)).toMatchObject({ code: 'RHO407' })
    expect(s.run()).toBe('rest')
    expect(s.data().size).toBe(0)
  })

  it('is refused if the values of a set are not in canonical order, which the verifier cannot know', () => {
    const image = imageOf('@"c"!(Set([1], [2]))').slice()
    // INT 1 … INT 2 → INT 2 … INT 1
    const [one, two] = [image.indexOf((1 << 8) | 0x11), image.indexOf((2 << 8) | 0x11)]
    expect([one, two].every(i => i > 0)).toBe(true)
    ;[image[one], image[two]] = [image[two], image[one]]
    expect(session().deployImage(image)).toMatchObject({ code: 'NOT_CANONICAL' })
  })
})
