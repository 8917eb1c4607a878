// Checks that every public symbol has a docstring with what a reader needs: units, defaults, errors.
import { join, relative } from 'node:path';
import ts from 'typescript';
import { exportsOf } from './facts.mjs';

/** Part of a docstring that says that nothing is thrown. */
const NEVER_FAILS = /\bNever (rejects|throws)\b/;

/** What a class has by being what it is, and what reads like a value. */
const UNDOCUMENTED_NAMES = new Set(['name', 'code', 'type', 'message', 'cause', 'stack']);

export function checkDocstrings({ program }, { root }) {
  const checker = program.getTypeChecker();
  const violations = [];
  // It grows in the loop: what a class inherits is public, whether or not the base class is exported.
  const symbols = new Set(exportsOf(program, checker, root).values());
  for (const symbol of symbols) {
    checkSymbol(symbol);
    for (const base of baseClassesOf(symbol)) symbols.add(base);
  }
  return violations;

  function checkSymbol(symbol) {
    const [first] = symbol.declarations ?? [];
    for (const declaration of symbol.declarations ?? []) {
      // What all overloads have in common stands before the first.
      if (isInternal(declaration) || (ts.isFunctionDeclaration(declaration) && declaration !== first))
        continue;
      if (ts.isFunctionDeclaration(declaration)) checkCallable(symbol.name, declaration);
      else requireDoc(symbol.name, declaration);
      if (ts.isClassDeclaration(declaration) || ts.isInterfaceDeclaration(declaration)) {
        for (const member of declaration.members) checkMember(symbol.name, member, declaration);
      }
    }
  }

  function baseClassesOf(symbol) {
    return (symbol.declarations ?? [])
      .filter(ts.isClassDeclaration)
      .flatMap(({ heritageClauses = [] }) => heritageClauses)
      .filter(({ token }) => token === ts.SyntaxKind.ExtendsKeyword)
      .map(({ types: [base] }) => checker.getTypeAtLocation(base).symbol)
      .filter((base) => base?.valueDeclaration?.getSourceFile().fileName.startsWith(join(root, 'lib/')));
  }

  function checkMember(owner, member, declaration) {
    const name = member.name && ts.isIdentifier(member.name) ? member.name.text : undefined;
    if (name === undefined || isPrivate(member) || isInternal(member)) return;
    const where = `${owner}.${name}`;
    if (ts.isMethodDeclaration(member) || ts.isMethodSignature(member)) {
      if (isFirstOf(member, declaration)) checkCallable(where, member);
      return;
    }
    if (UNDOCUMENTED_NAMES.has(name)) return;
    const doc = requireDoc(where, member);
    if (doc === undefined) return;
    if (name.endsWith('Ms') && !/\bmilliseconds\b/.test(doc.text))
      report(member, `${where} must say "milliseconds"`);
    const isOption = ts.isInterfaceDeclaration(declaration) && /Options(Factory)?$/.test(owner);
    if (isOption && member.questionToken && !doc.tags.has('default'))
      report(member, `${where} must have a @default`);
  }

  function checkCallable(where, declaration) {
    const doc = requireDoc(where, declaration);
    if (doc === undefined || !canFail(declaration)) return;
    if (!doc.tags.has('throws') && !NEVER_FAILS.test(doc.text))
      report(declaration, `${where} must have a @throws, or say "Never rejects" or "Never throws"`);
  }

  /** A promise may reject, and a decorator throws at decoration time. */
  function canFail(declaration) {
    const signature = checker.getSignatureFromDeclaration(declaration);
    const result = checker.typeToString(checker.getReturnTypeOfSignature(signature));
    return /^Promise</.test(result) || /Decorator$/.test(result);
  }

  function requireDoc(where, declaration) {
    const node = ts.isVariableDeclaration(declaration) ? declaration.parent.parent : declaration;
    const docs = ts.getJSDocCommentsAndTags(node).filter(ts.isJSDoc);
    if (docs.length === 0) {
      report(declaration, `${where} must have a docstring`);
      return undefined;
    }
    const tags = new Set(docs.flatMap(({ tags: own }) => (own ?? []).map(({ tagName }) => tagName.text)));
    return { text: docs.map((doc) => doc.getText()).join('\n'), tags };
  }

  function report(node, message) {
    const source = node.getSourceFile();
    const { line } = source.getLineAndCharacterOfPosition(node.getStart());
    violations.push({ path: relative(root, source.fileName), line: line + 1, message });
  }
}

function isFirstOf(member, declaration) {
  return declaration.members.find(({ name }) => name?.getText() === member.name.getText()) === member;
}

function isPrivate(member) {
  return (
    (ts.getCombinedModifierFlags(member) & (ts.ModifierFlags.Private | ts.ModifierFlags.Protected)) !== 0
  );
}

function isInternal(node) {
  return ts.getJSDocTags(node).some(({ tagName }) => tagName.text === 'internal');
}
