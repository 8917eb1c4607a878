/** The properties that requests of Express and of Fastify share. */
export interface DashboardRequest {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly query: unknown;
  readonly body?: unknown;
  /** The address of the client, as far as the application trusts its proxies. */
  readonly ip?: string;
}
