/** Programs that use parts of the language which come later. Until then they are refused, and say why. */
export const LATER: readonly string[] = [
  'errors/158',
  'errors/183',
  'programs/110',
  'programs/127',
  'expressions/312',
  'expressions/325',
  'expressions/326',
  'expressions/327',
  'expressions/329',
]
