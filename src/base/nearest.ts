/** "Did you mean": the known word that a mistyped one most likely stands for. */

/** Words longer than this are not compared: nobody mistypes them by two letters, and the cost is quadratic. */
const WORD_MAX = 64

/**
 * The candidate with the smallest edit distance to `word` (insert, delete, replace, swap two neighbours), if it is small enough to be a slip:
 * one edit for words of up to 4 letters, two up to 8, three above. Letter case costs nothing. The first of equally near candidates wins.
 */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  if (word.length === 0 || word.length > WORD_MAX) return undefined
  const wanted = word.toLowerCase()
  let best: string | undefined
  let bound = (word.length <= 4 ? 1 : word.length <= 8 ? 2 : 3) + 1
  for (const candidate of candidates) {
    if (candidate === word || Math.abs(candidate.length - word.length) >= bound) continue
    const distance = editDistance(wanted, candidate.toLowerCase())
    if (distance < bound && distance < candidate.length) {
      best = candidate
      bound = distance
    }
  }
  return best
}

/** Edits that turn `a` into `b`; a swap of neighbours counts once. */
function editDistance(a: string, b: string): number {
  let before: number[] = []
  let above = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let d = Math.min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (same ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) d = Math.min(d, before[j - 2] + 1)
      row.push(d)
    }
    before = above
    above = row
  }
  return above[b.length]
}

/** "did you mean `x`?" or the empty text. */
export function didYouMean(word: string, candidates: Iterable<string>): string {
  const found = nearest(word, candidates)
  return found === undefined ? '' : `did you mean \`${found}\`?`
}
