/** What is read-only once it is made, while it is made field by field. */
export type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };
