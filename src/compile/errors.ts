/** Something does not fit the fields of an image. The only error of the compiler: everything else has been decided before. */
export class ImageTooLarge extends Error {
  readonly code = 'IMAGE_TOO_LARGE'
  readonly construct: string
  /** Source positions, -1 when unknown. */
  readonly start: number
  readonly end: number
  constructor(construct: string, start = -1, end = -1) {
    super(`IMAGE_TOO_LARGE: ${construct} does not fit an image`)
    this.construct = construct
    this.start = start
    this.end = end
  }
}
