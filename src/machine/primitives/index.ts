export { Fault, type Limits, type PrimContext, type Result } from './fault.ts'
export { asBool, describeType, notOneValue, typeName } from './kinds.ts'
export { binary, OPERATORS, operatorOf, unary } from './operators.ts'
export { findMethod, invoke, type Method, manual, method, type PrimitiveLine, unknownMethod } from './table.ts'
