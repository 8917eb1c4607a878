/** A statement in the form of node-postgres. A name makes it a prepared statement of the session. */
export interface Statement {
  readonly name?: string;
  readonly text: string;
  readonly values?: readonly (string | null)[];
}
