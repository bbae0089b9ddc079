package org.sparkqwen.engine.template;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.engine.template.Token.Kind;

/// Parses the operands of operators: literals and names, followed by members, calls, filters and tests.
final class OperandParser {
    private static final Set<Kind> LITERALS = Set.of(Kind.STRING, Kind.INTEGER, Kind.FLOAT);
    private static final Set<String> AFTER_A_TEST = Set.of("else", "or", "and", "if", "is");

    private final Tokens tokens;
    private final ExpressionParser expressions;

    /// @param expressions the parser of what stands in brackets
    OperandParser(Tokens tokens, ExpressionParser expressions) {
        this.tokens = tokens;
        this.expressions = expressions;
    }

    Expression operand() {
        return unary(true);
    }

    private Expression unary(boolean withFilters) {
        Expression value = postfixes(tokens.nextIs("-") || tokens.nextIs("+") ? signed() : primary());
        return withFilters ? filtersAndTests(value) : value;
    }

    private Expression signed() {
        String sign = tokens.take().text();
        tokens.enter();
        Expression operand = unary(false);
        tokens.leave();
        return Expression.of(scope -> Arithmetic.apply(sign, 0L, operand.evaluate(scope), scope.budget()));
    }

    private Expression primary() {
        Token token = tokens.take();
        return switch (token.kind()) {
            case NAME ->
                switch (token.text()) {
                    case "true", "True" -> Expression.of(_ -> true);
                    case "false", "False" -> Expression.of(_ -> false);
                    case "none", "None" -> Expression.of(_ -> None.NONE);
                    default -> Expression.of(scope -> scope.get(token.text()));
                };
            case STRING -> {
                StringBuilder joined = new StringBuilder(token.text());
                while (tokens.nextIs(Kind.STRING)) {
                    joined.append(tokens.take().text());
                }
                Text text = Text.own(joined.toString());
                yield Expression.of(_ -> text);
            }
            case INTEGER -> {
                Object number = number(token);
                yield Expression.of(_ -> number);
            }
            case FLOAT -> {
                Double number = Double.valueOf(token.text().replace("_", ""));
                yield Expression.of(_ -> number);
            }
            case OPERATOR ->
                switch (token.text()) {
                    case "(" -> parenthesized();
                    case "[" -> list();
                    case "{" -> dictionary();
                    default -> throw unexpected(token);
                };
            default -> throw unexpected(token);
        };
    }

    private static TemplateException unexpected(Token token) {
        return TemplateException.inLine(token.line(), "expected an expression, not " + token.description());
    }

    private static Long number(Token token) {
        try {
            return Long.valueOf(token.text().replace("_", ""));
        } catch (NumberFormatException e) {
            throw TemplateException.inLine(
                    token.line(), "the number %s is too large".formatted(Quote.of(token.text())));
        }
    }

    private Expression parenthesized() {
        if (tokens.skip(")")) {
            return Expression.of(scope -> new Tuple(new Items(scope.budget())));
        }
        Expression value = expressions.tuple();
        tokens.expect(")");
        return value;
    }

    private Expression list() {
        List<Expression> items = new ArrayList<>();
        while (!tokens.skip("]")) {
            items.add(expressions.expression());
            if (!tokens.nextIs("]")) {
                tokens.expect(",");
            }
        }
        return Expression.of(scope -> ExpressionParser.evaluated(items, scope));
    }

    private Expression dictionary() {
        List<Expression> keys = new ArrayList<>();
        List<Expression> values = new ArrayList<>();
        while (!tokens.skip("}")) {
            keys.add(expressions.expression());
            tokens.expect(":");
            values.add(expressions.expression());
            if (!tokens.nextIs("}")) {
                tokens.expect(",");
            }
        }
        return Expression.of(scope -> {
            Dict entries = new Dict(scope.budget());
            for (int i = 0; i < keys.size(); i++) {
                entries.put(keys.get(i).evaluate(scope), values.get(i).evaluate(scope));
            }
            return entries;
        });
    }

    private Expression postfixes(Expression first) {
        Expression value = first;
        while (true) {
            if (tokens.skip(".")) {
                value = member(value);
            } else if (tokens.skip("[")) {
                value = subscript(value);
            } else if (tokens.nextIs("(")) {
                value = call(value);
            } else {
                return value;
            }
        }
    }

    private Expression member(Expression owner) {
        if (tokens.nextIs(Kind.INTEGER)) {
            Long index = number(tokens.take());
            return Expression.of(scope -> Members.item(owner.evaluate(scope), index, scope.budget()));
        }
        Text name = Text.own(tokens.expect(Kind.NAME, "a name").text());
        return Expression.of(scope -> Members.attribute(owner.evaluate(scope), name, scope.budget()));
    }

    private Expression subscript(Expression owner) {
        Expression start = tokens.nextIs(":") ? null : expressions.expression();
        if (start != null && tokens.skip("]")) {
            return Expression.of(scope -> Members.item(owner.evaluate(scope), start.evaluate(scope), scope.budget()));
        }
        tokens.expect(":");
        Expression end = tokens.nextIs(":") || tokens.nextIs("]") ? null : expressions.expression();
        Expression step = tokens.skip(":") && !tokens.nextIs("]") ? expressions.expression() : null;
        tokens.expect("]");
        return Expression.of(scope -> Members.slice(
                owner.evaluate(scope), bound(start, scope), bound(end, scope), bound(step, scope), scope.budget()));
    }

    private static @Nullable Long bound(@Nullable Expression expression, Scope scope) {
        if (expression == null) {
            return null;
        }
        Object value = expression.evaluate(scope);
        if (value == None.NONE) {
            return null;
        }
        if (Values.number(value) instanceof Long bound) {
            return bound;
        }
        throw new TemplateException("a slice needs whole numbers, not a " + Values.type(value));
    }

    private Expression call(Expression callee) {
        ArgumentList arguments = arguments();
        return Expression.of(scope -> {
            Object called = callee.evaluate(scope);
            if (called instanceof Callable callable) {
                return callable.call(arguments.evaluate(scope));
            }
            throw called instanceof Undefined undefined
                    ? undefined.used()
                    : new TemplateException("a %s cannot be called".formatted(Values.type(called)));
        });
    }

    private record ArgumentList(List<Expression> positional, Map<String, Expression> named) {
        static final ArgumentList NONE = new ArgumentList(List.of(), Map.of());

        Arguments evaluate(Scope scope) {
            Map<String, Object> values = new LinkedHashMap<>();
            named.forEach((name, expression) -> {
                scope.budget().scan(name.length());
                values.put(name, expression.evaluate(scope));
            });
            return new Arguments(ExpressionParser.evaluated(positional, scope), values, scope.budget());
        }
    }

    private ArgumentList arguments() {
        List<Expression> positional = new ArrayList<>();
        Map<String, Expression> named = new LinkedHashMap<>();
        tokens.expect("(");
        while (!tokens.skip(")")) {
            if (tokens.peekAfter().is("=")) {
                String name = tokens.expect(Kind.NAME, "a name").text();
                tokens.expect("=");
                named.put(name, expressions.expression());
            } else {
                positional.add(expressions.expression());
            }
            if (!tokens.nextIs(")")) {
                tokens.expect(",");
            }
        }
        return new ArgumentList(positional, named);
    }

    private Expression filtersAndTests(Expression first) {
        Expression value = first;
        while (true) {
            if (tokens.skip("|")) {
                value = filter(value);
            } else if (tokens.skip("is")) {
                value = test(value);
            } else if (tokens.nextIs("(")) {
                value = call(value);
            } else {
                return value;
            }
        }
    }

    private Expression filter(Expression value) {
        String name = tokens.expect(Kind.NAME, "a filter").text();
        ArgumentList arguments = tokens.nextIs("(") ? arguments() : ArgumentList.NONE;
        return Expression.of(scope -> Filters.apply(name, value.evaluate(scope), arguments.evaluate(scope)));
    }

    private Expression test(Expression value) {
        boolean negated = tokens.skip("not");
        String name = tokens.expect(Kind.NAME, "a test").text();
        ArgumentList arguments = ArgumentList.NONE;
        if (tokens.nextIs("(")) {
            arguments = arguments();
        } else if (beginsAnArgument()) {
            arguments = new ArgumentList(List.of(postfixes(primary())), Map.of());
        }
        ArgumentList given = arguments;
        return Expression.of(scope -> ValueTests.holds(name, value.evaluate(scope), given.evaluate(scope)) != negated);
    }

    private boolean beginsAnArgument() {
        Token next = tokens.peek();
        return LITERALS.contains(next.kind())
                || next.is("[")
                || next.is("{")
                || (next.kind() == Kind.NAME && !AFTER_A_TEST.contains(next.text()));
    }
}
