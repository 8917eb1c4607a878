import type { Attributes } from '@opentelemetry/api';
import type { NameTemplates } from './name-templates.js';

/** What distinguishes the series of a metric, besides the template of a name. */
export interface Labels {
  readonly mode?: string;
  readonly outcome?: string;
  readonly reason?: string;
}

/** The attributes of time series. They have few values: a template, never the name of a lock. */
export class Series {
  /** One object for each time series. */
  private readonly attributes = new Map<string, Attributes>();

  constructor(
    private readonly templates: NameTemplates,
    /** Of every series of the module. */
    readonly common: Attributes,
  ) {}

  of(lockName: string, { mode = '', outcome = '', reason = '' }: Labels = {}): Attributes {
    const template = this.templates.of(lockName);
    const id = `${mode} ${outcome} ${reason} ${template}`;
    let attributes = this.attributes.get(id);
    if (attributes === undefined) {
      attributes = {
        ...this.common,
        'advisory_lock.template': template,
        ...(mode !== '' && { 'advisory_lock.mode': mode }),
        ...(outcome !== '' && { 'advisory_lock.outcome': outcome }),
        ...(reason !== '' && { 'advisory_lock.reason': reason }),
      };
      this.attributes.set(id, attributes);
    }
    return attributes;
  }
}
