import ts from 'typescript';

export function isPrivate(node: ts.Node): boolean {
  if ((ts.isClassElement(node) || ts.isTypeElement(node)) && node.name !== undefined) {
    if (ts.isPrivateIdentifier(node.name)) return true;
  }
  return (
    ts.canHaveModifiers(node) &&
    node.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.PrivateKeyword) === true
  );
}
