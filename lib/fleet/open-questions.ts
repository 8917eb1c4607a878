import { type Question, readQuestion } from './question.js';

/** How many questions of one asker are open, and how many askers there are, before others are dropped. */
const MAX_QUESTIONS_OF_ASKER = 16;
const MAX_ASKERS = 256;

/** The longest question has 100 keys and a signature. Longer texts are not even parsed. */
const MAX_QUESTION_LENGTH = 4_500;

export interface OpenQuestion extends Question {
  readonly askerPid: number;
}

/**
 * The questions to respond to. Askers take turns, so that one which floods the channel delays the others, but
 * does not take their place.
 */
export class OpenQuestions {
  /** The texts that arrived, by the pid of the asker, the one whose turn is next first. */
  private readonly askers = new Map<number, string[]>();

  get isEmpty(): boolean {
    return this.askers.size === 0;
  }

  /** Keeps a text, which is read when it is its turn; returns whether there was room for it. */
  add(askerPid: number, payload: string): boolean {
    const texts = this.askers.get(askerPid);
    if (payload.length > MAX_QUESTION_LENGTH) return false;
    if (texts === undefined) {
      if (this.askers.size >= MAX_ASKERS) return false;
      this.askers.set(askerPid, [payload]);
      return true;
    }
    if (texts.length >= MAX_QUESTIONS_OF_ASKER || texts.includes(payload)) return false;
    texts.push(payload);
    return true;
  }

  /**
   * Takes the text whose turn it is, and reads it; `question` is missing where it is none, or not valid.
   * There must be a text.
   */
  next(isValid: (askerPid: number, text: string) => boolean): {
    readonly askerPid: number;
    readonly question?: OpenQuestion;
  } {
    const [askerPid, [text, ...rest]] = this.askers.entries().next().value as [number, [string, ...string[]]];
    this.askers.delete(askerPid);
    if (rest.length > 0) this.askers.set(askerPid, rest);
    const question = isValid(askerPid, text) ? readQuestion(text) : undefined;
    return { askerPid, ...(question !== undefined && { question: { ...question, askerPid } }) };
  }
}
