import ts from 'typescript';
import { isPrivate } from './is-private.js';

const { factory } = ts;
const printer = ts.createPrinter({ removeComments: true, newLine: ts.NewLineKind.LineFeed });

/**
 * A declaration as users see it, whatever the code behind it looks like: without comments, private members
 * and the names of files, and with its members in the order of their names.
 */
export function printDeclaration(declaration: ts.Declaration): string {
  const { transformed } = ts.transform<ts.Node>(statementOf(declaration), [simplify]);
  return transformed
    .map((node) => printer.printNode(ts.EmitHint.Unspecified, node, declaration.getSourceFile()))
    .join('\n');
}

/** One statement may declare several variables. */
function statementOf(declaration: ts.Declaration): ts.Node {
  if (!ts.isVariableDeclaration(declaration)) return declaration;
  const list = factory.createVariableDeclarationList([declaration], ts.NodeFlags.Const);
  return factory.createVariableStatement([factory.createToken(ts.SyntaxKind.DeclareKeyword)], list);
}

const simplify: ts.TransformerFactory<ts.Node> = (context) => {
  const visit = (original: ts.Node): ts.Node | undefined => {
    if (original.kind === ts.SyntaxKind.ExportKeyword) return undefined;
    const node = ts.visitEachChild(original, visit, context);
    if (ts.isClassDeclaration(node)) {
      const { modifiers, name, typeParameters, heritageClauses, members } = node;
      const shown = publicMembers(members);
      return factory.updateClassDeclaration(node, modifiers, name, typeParameters, heritageClauses, shown);
    }
    if (ts.isInterfaceDeclaration(node)) {
      const { modifiers, name, typeParameters, heritageClauses, members } = node;
      const shown = publicMembers(members);
      return factory.updateInterfaceDeclaration(
        node,
        modifiers,
        name,
        typeParameters,
        heritageClauses,
        shown,
      );
    }
    if (ts.isTypeLiteralNode(node))
      return factory.updateTypeLiteralNode(node, factory.createNodeArray(publicMembers(node.members)));
    if (ts.isObjectBindingPattern(node)) return factory.createIdentifier('options');
    if (ts.isImportTypeNode(node) && node.qualifier !== undefined && isOfTheLibrary(node))
      return node.isTypeOf
        ? factory.createTypeQueryNode(node.qualifier, node.typeArguments)
        : factory.createTypeReferenceNode(node.qualifier, node.typeArguments);
    return node;
  };
  return (node) => visit(node) ?? node;
};

/** A constructor that is private says that users cannot call it. */
function publicMembers<Member extends ts.ClassElement | ts.TypeElement>(members: Iterable<Member>): Member[] {
  return [...members]
    .filter((member) => ts.isConstructorDeclaration(member) || !isPrivate(member))
    .sort(byName);
}

/** The order of overloads stays, as the first that fits counts. */
function byName(one: ts.NamedDeclaration, other: ts.NamedDeclaration): number {
  const [a, b] = [nameOf(one), nameOf(other)];
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function nameOf({ name }: ts.NamedDeclaration): string {
  if (name === undefined) return '';
  if (ts.isIdentifier(name) || ts.isStringLiteral(name)) return name.text;
  return printer.printNode(ts.EmitHint.Unspecified, name, name.getSourceFile());
}

/** A type that is named with its file: `import('../core/index.js').LockKey`. */
function isOfTheLibrary({ argument }: ts.ImportTypeNode): boolean {
  return (
    ts.isLiteralTypeNode(argument) &&
    ts.isStringLiteral(argument.literal) &&
    argument.literal.text.startsWith('.')
  );
}
