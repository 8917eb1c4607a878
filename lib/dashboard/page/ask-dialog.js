import { element, setText, show } from './dom.js';
import { loadStyle } from './load-style.js';
import { fillFacts } from './party-row.js';
import { bodyOf, Refusal } from './snapshot-feed.js';

/**
 * @typedef {object} Question
 * @property {string} heading
 * @property {readonly (readonly [what: string, text: string])[]} facts
 * @property {string} meaning What confirming does.
 * @property {readonly HTMLElement[]} [fields] More to fill in.
 * @property {string} confirm The label of the button that does it.
 * @property {boolean} isDanger
 * @property {string} unknown What the dialog says when the server does not respond.
 * @property {(reason: string) => Promise<string>} send Resolves to the outcome in words.
 */

/**
 * @param {string} id The beginning of the ids of its parts.
 * @param {() => void} refresh Called when something may have changed.
 */
export async function askDialog(id, refresh) {
  await loadStyle(new URL('ask-dialog.css', import.meta.url));
  return new AskDialog(id, refresh);
}

/** Asks before something is changed, requires a reason, and shows the outcome. */
export class AskDialog {
  #heading = element('h2');
  #facts = element('dl', 'facts');
  #meaning = element('p');
  #fields = element('div', 'fields');
  #reason = element('input');
  #error = element('p', 'error');
  #ask = element('div');
  #outcome = element('p', 'outcome');
  #cancel = element('button', '', 'Cancel');
  #confirm = element('button');
  #dialog = element('dialog');
  /** @type {Question | undefined} */
  #question;

  /**
   * @param {string} id
   * @param {() => void} refresh
   */
  constructor(id, refresh) {
    this.refresh = refresh;
    this.#heading.id = `${id}-heading`;
    this.#meaning.id = `${id}-meaning`;
    this.#error.id = `${id}-error`;
    this.#outcome.id = `${id}-outcome`;
    this.#outcome.setAttribute('role', 'status');
    Object.assign(this.#reason, { id: `${id}-reason`, required: true, maxLength: 500, dir: 'auto' });
    this.#reason.autocomplete = 'off';
    this.#reason.setAttribute('aria-describedby', this.#error.id);
    const label = element('label', '', 'Reason, for the logs');
    label.htmlFor = this.#reason.id;
    this.#ask.append(this.#fields, label, this.#reason, this.#error);
    Object.assign(this.#cancel, { id: `${id}-cancel`, type: 'button' });
    Object.assign(this.#confirm, { id: `${id}-confirm`, type: 'submit' });
    const form = element(
      'form',
      '',
      this.#heading,
      this.#facts,
      this.#meaning,
      this.#ask,
      this.#outcome,
      element('div', 'buttons', this.#cancel, this.#confirm),
    );
    form.noValidate = true;
    this.#dialog.id = id;
    this.#dialog.setAttribute('aria-labelledby', this.#heading.id);
    this.#dialog.append(form);
    document.body.append(this.#dialog);
    this.#cancel.addEventListener('click', () => {
      this.#dialog.close();
    });
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#submit();
    });
  }

  /** @param {Question} question */
  open(question) {
    if (this.#dialog.open) return;
    this.#question = question;
    setText(this.#heading, question.heading);
    fillFacts(this.#facts, question.facts);
    setText(this.#meaning, question.meaning);
    this.#fields.replaceChildren(...(question.fields ?? []));
    setText(this.#confirm, question.confirm);
    this.#confirm.className = question.isDanger ? 'danger' : 'primary';
    this.#reason.value = '';
    this.#showError('');
    setText(this.#outcome, '');
    this.#setStage('asking');
    this.#dialog.showModal();
    this.#reason.focus();
  }

  async #submit() {
    const question = this.#question;
    if (question === undefined || this.#confirm.disabled) return;
    const reason = this.#reason.value.trim();
    if (reason === '') {
      this.#showError('Give a reason: it is written to the logs.');
      this.#reason.focus();
      return;
    }
    this.#showError('');
    this.#setStage('sending');
    try {
      setText(this.#outcome, await question.send(reason));
      this.#setStage('done');
    } catch (error) {
      this.#showError(error instanceof Refusal ? error.message : question.unknown);
      this.#setStage('asking');
    }
    this.refresh();
  }

  /** @param {'asking' | 'sending' | 'done'} stage */
  #setStage(stage) {
    const isDone = stage === 'done';
    show(this.#ask, !isDone);
    show(this.#meaning, !isDone);
    show(this.#confirm, !isDone);
    this.#confirm.disabled = stage === 'sending';
    setText(this.#cancel, isDone ? 'Close' : 'Cancel');
    if (isDone) this.#cancel.focus();
  }

  /** @param {string} text */
  #showError(text) {
    setText(this.#error, text);
    this.#reason.ariaInvalid = String(text !== '');
  }
}

/**
 * Sends a request that changes something. Throws `Refusal` unless the server has done it.
 *
 * @param {URL} url
 * @param {object} request
 * @returns {Promise<unknown>}
 */
export async function post(url, request) {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-requested-with': 'nestjs-advisory-lock' },
    body: JSON.stringify(request),
  });
  return bodyOf(response);
}
