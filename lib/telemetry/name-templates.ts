import { copyOf, isRememberedWhole, nameTemplate, printable, RecentMap } from '../core/index.js';

/** How many templates are kept apart: each is a time series, which costs storage. */
export const MAX_TEMPLATES = 200;

/** The template of all further names. */
export const OTHER_TEMPLATE = 'other';

const MAX_REMEMBERED_NAMES = 1_000;

/** Maps names of locks to templates, for labels of metrics, which must have few values. */
export class NameTemplates {
  private readonly templates = new Set<string>();
  /** Templates by name. Making one takes some microseconds. */
  private readonly remembered = new RecentMap<string, string>(MAX_REMEMBERED_NAMES);

  /**
   * @param isLiteral - whether a name stands in the program as it is, such as a job's: it is its own
   * template.
   */
  constructor(
    private readonly isLiteral: (name: string) => boolean = () => false,
    private readonly maxTemplates = MAX_TEMPLATES,
  ) {}

  of(name: string): string {
    let template = this.remembered.get(name);
    if (template === undefined) {
      template = this.admitted(printable(this.isLiteral(name) ? name : nameTemplate(name)));
      // A very long name is not worth its memory.
      if (isRememberedWhole(name)) this.remembered.set(copyOf(name), template);
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
