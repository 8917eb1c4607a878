/** What requests of Express and of Fastify have in common. */
export interface DashboardRequest {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly query: unknown;
  readonly body?: unknown;
  /** The address that it came from, as far as the application trusts its proxies. */
  readonly ip?: string;
}
