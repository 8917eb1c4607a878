import ts from 'typescript';
import { isPrivate } from './is-private.js';

/** The types and values that a declaration names, private members aside. */
export function namedSymbols(declaration: ts.Declaration, checker: ts.TypeChecker): ts.Symbol[] {
  const found: ts.Symbol[] = [];
  const add = (name: ts.Node | undefined): void => {
    const symbol = name && checker.getSymbolAtLocation(name);
    if (symbol === undefined) return;
    found.push(symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol);
  };
  const visit = (node: ts.Node): void => {
    if (isPrivate(node)) return;
    if (ts.isTypeReferenceNode(node)) add(node.typeName);
    else if (ts.isExpressionWithTypeArguments(node)) add(node.expression);
    else if (ts.isTypeQueryNode(node)) add(node.exprName);
    else if (ts.isImportTypeNode(node)) add(node.qualifier);
    ts.forEachChild(node, visit);
  };
  visit(declaration);
  return found;
}
