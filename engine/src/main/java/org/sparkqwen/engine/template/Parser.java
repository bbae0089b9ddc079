package org.sparkqwen.engine.template;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.engine.template.Statement.Flow;
import org.sparkqwen.engine.template.Token.Kind;

/// Parses the statements of a template: text, `{{ … }}`, and the blocks `if`, `for`, `set`, `macro`, `break`,
/// `continue` and `generation`.
final class Parser {
    private static final String NAME = "a name";

    /// The bytes of a macro, without the scope in which it is defined. The macro keeps that scope.
    private static final int MACRO_BYTES = 512;

    private final Tokens tokens;
    private final ExpressionParser expressions;

    Parser(Tokens tokens) {
        this.tokens = tokens;
        expressions = new ExpressionParser(tokens);
    }

    /// What a value is assigned to: a name, an attribute of a namespace, or several names.
    @FunctionalInterface
    private interface Target {
        void assign(Scope scope, Object value);
    }

    /// @throws TemplateException if the tokens are not a template
    List<Statement> template() {
        return body(Set.of());
    }

    /// Parses statements up to a block whose name is in `ends`. That name is then the next token. If `ends`
    /// is empty, all statements are parsed.
    private List<Statement> body(Set<String> ends) {
        tokens.enter();
        List<Statement> statements = statements(ends);
        tokens.leave();
        return statements;
    }

    private List<Statement> statements(Set<String> ends) {
        List<Statement> statements = new ArrayList<>();
        while (true) {
            Token token = tokens.take();
            switch (token.kind()) {
                case DATA -> {
                    Text text = Text.own(token.text());
                    statements.add((_, output) -> {
                        output.append(text);
                        return Flow.ON;
                    });
                }
                case PRINT_BEGIN -> statements.add(located(token, print()));
                case BLOCK_BEGIN -> {
                    if (tokens.nextIs(Kind.NAME) && ends.contains(tokens.peek().text())) {
                        return List.copyOf(statements);
                    }
                    statements.add(located(token, block()));
                }
                default -> {
                    if (!ends.isEmpty()) {
                        throw TemplateException.inLine(
                                token.line(), "'%s' is missing".formatted(String.join("' or '", ends)));
                    }
                    return List.copyOf(statements);
                }
            }
        }
    }

    /// Returns `statement` in such a form that its errors name the line of `token`.
    private static Statement located(Token token, Statement statement) {
        return (scope, output) -> {
            try {
                return statement.run(scope, output);
            } catch (TemplateException e) {
                throw e.inLine(token.line());
            }
        };
    }

    private Statement print() {
        Expression expression = expressions.tuple();
        tokens.expect(Kind.PRINT_END, "'}}'");
        return (scope, output) -> {
            output.append(Spelling.text(expression.evaluate(scope), scope.budget()));
            return Flow.ON;
        };
    }

    private Statement block() {
        Token name = tokens.expect(Kind.NAME, NAME);
        return switch (name.text()) {
            case "if" -> branches();
            case "for" -> loop();
            case "set" -> assignment();
            case "macro" -> macro();
            case "break" -> leave(Flow.BREAK);
            case "continue" -> leave(Flow.CONTINUE);
            case "generation" -> generation();
            default ->
                throw TemplateException.inLine(
                        name.line(), "'%s' is not a block that is supported".formatted(Quote.of(name.text())));
        };
    }

    private void endOfBlock() {
        tokens.expect(Kind.BLOCK_END, "'%}'");
    }

    private Statement leave(Flow flow) {
        endOfBlock();
        return (_, _) -> flow;
    }

    /// Parses a `generation` block, which marks the assistant's text for training. Rendering ignores the
    /// mark.
    private Statement generation() {
        endOfBlock();
        List<Statement> body = bodyUntil("endgeneration");
        return (scope, output) -> Statement.runAll(body, scope, output);
    }

    /// Parses statements up to the block `end`, and that block.
    private List<Statement> bodyUntil(String end) {
        List<Statement> body = body(Set.of(end));
        tokens.expect(end);
        endOfBlock();
        return body;
    }

    private record Branch(Expression condition, List<Statement> body) {}

    private Statement branches() {
        List<Branch> branches = new ArrayList<>();
        do {
            Expression condition = expressions.expression();
            endOfBlock();
            branches.add(new Branch(condition, body(Set.of("elif", "else", "endif"))));
        } while (tokens.skip("elif"));
        List<Statement> otherwise = List.of();
        if (tokens.skip("else")) {
            endOfBlock();
            otherwise = body(Set.of("endif"));
        }
        tokens.expect("endif");
        endOfBlock();
        List<Statement> ifNone = otherwise;
        return (scope, output) -> {
            for (Branch branch : branches) {
                if (Values.truth(branch.condition().evaluate(scope))) {
                    return Statement.runAll(branch.body(), scope, output);
                }
            }
            return Statement.runAll(ifNone, scope, output);
        };
    }

    private Statement loop() {
        Target target = names();
        tokens.expect("in");
        Expression sequence = expressions.tupleWithoutConditions();
        Expression filter = tokens.skip("if") ? expressions.expression() : null;
        endOfBlock();
        List<Statement> body = body(Set.of("else", "endfor"));
        List<Statement> ifEmpty = List.of();
        if (tokens.skip("else")) {
            endOfBlock();
            ifEmpty = body(Set.of("endfor"));
        }
        tokens.expect("endfor");
        endOfBlock();
        List<Statement> otherwise = ifEmpty;
        return (scope, output) -> {
            List<?> all = Values.items(sequence.evaluate(scope), scope.budget());
            List<?> items = filter == null ? all : chosen(all, target, filter, scope);
            if (items.isEmpty()) {
                return Statement.runAll(otherwise, scope.inner(), output);
            }
            for (int i = 0; i < items.size(); i++) {
                Scope round = scope.inner();
                round.set("loop", new Loop(items, i));
                target.assign(round, items.get(i));
                if (Statement.runAll(body, round, output) == Flow.BREAK) {
                    break;
                }
            }
            return Flow.ON;
        };
    }

    private static Items chosen(List<?> items, Target target, Expression filter, Scope scope) {
        Items chosen = new Items(scope.budget());
        for (Object item : Values.each(items, scope.budget())) {
            Scope round = scope.inner();
            target.assign(round, item);
            if (Values.truth(filter.evaluate(round))) {
                chosen.add(item);
            }
        }
        return chosen;
    }

    private Statement assignment() {
        Target target = tokens.peekAfter().is(".") ? attribute() : names();
        if (tokens.skip("=")) {
            Expression value = expressions.tuple();
            endOfBlock();
            return (scope, _) -> {
                target.assign(scope, value.evaluate(scope));
                return Flow.ON;
            };
        }
        endOfBlock();
        List<Statement> body = bodyUntil("endset");
        return (scope, _) -> {
            target.assign(scope, written(body, scope.inner()));
            return Flow.ON;
        };
    }

    private static Text written(List<Statement> body, Scope scope) {
        Text.Builder output = new Text.Builder(scope.budget());
        Statement.runAll(body, scope, output);
        return output.text();
    }

    private Target attribute() {
        String name = tokens.expect(Kind.NAME, NAME).text();
        tokens.expect(".");
        String attribute = tokens.expect(Kind.NAME, NAME).text();
        return (scope, value) -> {
            if (!(scope.get(name) instanceof Namespace namespace)) {
                throw new TemplateException(
                        "'%s' is no namespace, so its attributes cannot be set".formatted(Quote.of(name)));
            }
            namespace.set(attribute, value);
        };
    }

    private Target names() {
        boolean parentheses = tokens.skip("(");
        List<String> names = new ArrayList<>();
        do {
            names.add(tokens.expect(Kind.NAME, NAME).text());
        } while (tokens.skip(","));
        if (parentheses) {
            tokens.expect(")");
        }
        if (names.size() == 1) {
            return (scope, value) -> scope.set(names.getFirst(), value);
        }
        return (scope, value) -> {
            List<?> items = Values.items(value, scope.budget());
            if (items.size() != names.size()) {
                throw new TemplateException("%d values for %d names".formatted(items.size(), names.size()));
            }
            for (int i = 0; i < items.size(); i++) {
                scope.set(names.get(i), items.get(i));
            }
        };
    }

    private Statement macro() {
        String name = tokens.expect(Kind.NAME, NAME).text();
        Map<String, Expression> parameters = new LinkedHashMap<>();
        tokens.expect("(");
        while (!tokens.skip(")")) {
            String parameter = tokens.expect(Kind.NAME, NAME).text();
            parameters.put(
                    parameter,
                    tokens.skip("=") ? expressions.expression() : Expression.of(_ -> Undefined.name(parameter)));
            if (!tokens.nextIs(")")) {
                tokens.expect(",");
            }
        }
        endOfBlock();
        List<Statement> body = bodyUntil("endmacro");
        return (scope, _) -> {
            scope.budget().bytes(MACRO_BYTES);
            scope.keep();
            scope.set(name, (Callable) arguments -> call(name, parameters, arguments, body, scope.inner()));
            return Flow.ON;
        };
    }

    private static Text call(
            String name, Map<String, Expression> parameters, Arguments arguments, List<Statement> body, Scope scope) {
        if (arguments.positional().size() > parameters.size()
                || !parameters.keySet().containsAll(arguments.named().keySet())) {
            throw new TemplateException("%s() is given arguments that it does not take".formatted(Quote.of(name)));
        }
        int index = 0;
        for (Map.Entry<String, Expression> parameter : parameters.entrySet()) {
            scope.set(
                    parameter.getKey(),
                    arguments.has(index, parameter.getKey())
                            ? arguments.get(index, parameter.getKey())
                            : parameter.getValue().evaluate(scope));
            index++;
        }
        return written(body, scope);
    }
}
