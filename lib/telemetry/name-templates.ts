import { RecentMap } from '../core/index.js';
import { nameTemplate } from './name-template.js';

/** How many templates are told apart: each is a time series, for which whoever stores them pays. */
export const MAX_TEMPLATES = 200;

/** What all names have in common that come after those. */
export const OTHER_TEMPLATE = 'other';

const MAX_REMEMBERED_NAMES = 1_000;

/** What locks are called where there must not be many names: the templates of their names, and no more than so many of them. */
export class NameTemplates {
  private readonly templates = new Set<string>();
  /** By name. Making a template takes some microseconds. */
  private readonly remembered = new RecentMap<string, string>(MAX_REMEMBERED_NAMES);

  /** @param isLiteral - whether a name is written in the program as it is, as that of a job: it is a template of its own. */
  constructor(
    private readonly isLiteral: (name: string) => boolean = () => false,
    private readonly maxTemplates = MAX_TEMPLATES,
  ) {}

  of(name: string): string {
    let template = this.remembered.get(name);
    if (template === undefined) {
      template = this.admitted(this.isLiteral(name) ? name : nameTemplate(name));
      this.remembered.set(name, template);
    }
    return template;
  }

  private admitted(template: string): string {
    if (this.templates.has(template)) return template;
    if (this.templates.size >= this.maxTemplates) return OTHER_TEMPLATE;
    this.templates.add(template);
    return template;
  }
}
