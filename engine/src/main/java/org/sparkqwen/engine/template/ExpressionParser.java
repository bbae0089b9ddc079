package org.sparkqwen.engine.template;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.BinaryOperator;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.template.Token.Kind;

/// Makes expressions of tokens; a method for each precedence, the weakest first.
final class ExpressionParser {
    private static final Set<Kind> LITERALS = Set.of(Kind.STRING, Kind.INTEGER, Kind.FLOAT);
    private static final Set<String> AFTER_A_TEST = Set.of("else", "or", "and", "if", "is");

    private final Tokens tokens;

    ExpressionParser(Tokens tokens) {
        this.tokens = tokens;
    }

    /// An expression, or several with commas, which are a tuple.
    Expression tuple() {
        return rest(expression());
    }

    /// The same for what a loop runs over, where `if` begins the loop's filter.
    Expression tupleWithoutConditions() {
        return rest(or());
    }

    private Expression rest(Expression first) {
        if (!tokens.nextIs(",")) {
            return first;
        }
        List<Expression> items = new ArrayList<>(List.of(first));
        while (tokens.skip(",") && !tokens.nextIs(")") && !tokens.nextIs(Kind.BLOCK_END)) {
            items.add(expression());
        }
        return scope -> new Tuple(evaluated(items, scope));
    }

    private static Expression list(List<Expression> items) {
        return scope -> evaluated(items, scope);
    }

    private static List<Object> evaluated(List<Expression> expressions, Scope scope) {
        List<Object> values = new ArrayList<>(expressions.size());
        for (Expression expression : expressions) {
            values.add(expression.evaluate(scope));
        }
        return values;
    }

    Expression expression() {
        Expression value = or();
        while (tokens.skip("if")) {
            Expression ifTrue = value;
            Expression condition = or();
            Expression ifFalse = tokens.skip("else")
                    ? expression()
                    : _ -> new Undefined("the inline if-expression evaluated to false and no else section was defined");
            value = scope -> Values.truth(condition.evaluate(scope)) ? ifTrue.evaluate(scope) : ifFalse.evaluate(scope);
        }
        return value;
    }

    private Expression or() {
        Expression value = and();
        while (tokens.skip("or")) {
            Expression left = value;
            Expression right = and();
            value = scope -> {
                Object first = left.evaluate(scope);
                return Values.truth(first) ? first : right.evaluate(scope);
            };
        }
        return value;
    }

    private Expression and() {
        Expression value = not();
        while (tokens.skip("and")) {
            Expression left = value;
            Expression right = not();
            value = scope -> {
                Object first = left.evaluate(scope);
                return Values.truth(first) ? right.evaluate(scope) : first;
            };
        }
        return value;
    }

    private Expression not() {
        if (tokens.skip("not")) {
            Expression value = not();
            return scope -> !Values.truth(value.evaluate(scope));
        }
        return comparison();
    }

    /// One step of a chain `a < b <= c`, which holds if each neighbours do.
    private record Comparison(BinaryOperator<Object> operator, Expression right) {}

    private Expression comparison() {
        Expression left = sum();
        List<Comparison> steps = new ArrayList<>();
        while (true) {
            BinaryOperator<Object> operator = comparisonOperator();
            if (operator == null) {
                break;
            }
            steps.add(new Comparison(operator, sum()));
        }
        if (steps.isEmpty()) {
            return left;
        }
        return scope -> {
            Object value = left.evaluate(scope);
            for (Comparison step : steps) {
                Object next = step.right().evaluate(scope);
                if (!Values.truth(step.operator().apply(value, next))) {
                    return false;
                }
                value = next;
            }
            return true;
        };
    }

    private @Nullable BinaryOperator<Object> comparisonOperator() {
        if (tokens.nextIs("not") && tokens.peekAfter().is("in")) {
            tokens.take();
            tokens.take();
            return (item, container) -> !Values.contains(container, item);
        }
        if (!tokens.nextIs(Kind.OPERATOR) && !tokens.nextIs("in")) {
            return null;
        }
        BinaryOperator<Object> operator =
                switch (tokens.peek().text()) {
                    case "in" -> (item, container) -> Values.contains(container, item);
                    case "==" -> Values::equal;
                    case "!=" -> (a, b) -> !Values.equal(a, b);
                    case "<" -> (a, b) -> Values.compare(a, b) < 0;
                    case "<=" -> (a, b) -> Values.compare(a, b) <= 0;
                    case ">" -> (a, b) -> Values.compare(a, b) > 0;
                    case ">=" -> (a, b) -> Values.compare(a, b) >= 0;
                    default -> null;
                };
        if (operator != null) {
            tokens.take();
        }
        return operator;
    }

    private Expression sum() {
        Expression value = concatenation();
        while (tokens.nextIs("+") || tokens.nextIs("-")) {
            value = binary(value, tokens.take().text(), concatenation());
        }
        return value;
    }

    private Expression concatenation() {
        Expression value = product();
        while (tokens.skip("~")) {
            Expression left = value;
            Expression right = product();
            value = scope -> Spelling.text(left.evaluate(scope)).plus(Spelling.text(right.evaluate(scope)));
        }
        return value;
    }

    private Expression product() {
        Expression value = power();
        while (tokens.nextIs("*") || tokens.nextIs("/") || tokens.nextIs("//") || tokens.nextIs("%")) {
            value = binary(value, tokens.take().text(), power());
        }
        return value;
    }

    private Expression power() {
        Expression value = unary(true);
        while (tokens.nextIs("**")) {
            value = binary(value, tokens.take().text(), unary(true));
        }
        return value;
    }

    private static Expression binary(Expression left, String operator, Expression right) {
        return scope -> Arithmetic.apply(operator, left.evaluate(scope), right.evaluate(scope));
    }

    private Expression unary(boolean withFilters) {
        Expression value;
        if (tokens.skip("-")) {
            Expression operand = unary(false);
            value = scope -> Arithmetic.apply("-", 0L, operand.evaluate(scope));
        } else if (tokens.skip("+")) {
            Expression operand = unary(false);
            value = scope -> Arithmetic.apply("+", 0L, operand.evaluate(scope));
        } else {
            value = primary();
        }
        value = postfixes(value);
        return withFilters ? filtersAndTests(value) : value;
    }

    private Expression primary() {
        Token token = tokens.take();
        return switch (token.kind()) {
            case NAME ->
                switch (token.text()) {
                    case "true", "True" -> _ -> true;
                    case "false", "False" -> _ -> false;
                    case "none", "None" -> _ -> None.NONE;
                    default -> scope -> scope.get(token.text());
                };
            case STRING -> {
                StringBuilder joined = new StringBuilder(token.text());
                while (tokens.nextIs(Kind.STRING)) {
                    joined.append(tokens.take().text());
                }
                Text text = Text.own(joined.toString());
                yield _ -> text;
            }
            case INTEGER -> {
                Object number = number(token);
                yield _ -> number;
            }
            case FLOAT -> {
                Double number = Double.valueOf(token.text().replace("_", ""));
                yield _ -> number;
            }
            case OPERATOR ->
                switch (token.text()) {
                    case "(" -> parenthesized();
                    case "[" -> list(listed());
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
            throw TemplateException.inLine(token.line(), "the number %s is too large".formatted(token.text()));
        }
    }

    private Expression parenthesized() {
        if (tokens.skip(")")) {
            return _ -> new Tuple(List.of());
        }
        Expression value = tuple();
        tokens.expect(")");
        return value;
    }

    private List<Expression> listed() {
        List<Expression> items = new ArrayList<>();
        while (!tokens.skip("]")) {
            items.add(expression());
            if (!tokens.nextIs("]")) {
                tokens.expect(",");
            }
        }
        return items;
    }

    private Expression dictionary() {
        List<Expression> keys = new ArrayList<>();
        List<Expression> values = new ArrayList<>();
        while (!tokens.skip("}")) {
            keys.add(expression());
            tokens.expect(":");
            values.add(expression());
            if (!tokens.nextIs("}")) {
                tokens.expect(",");
            }
        }
        return scope -> {
            Map<Object, Object> entries = new LinkedHashMap<>();
            for (int i = 0; i < keys.size(); i++) {
                entries.put(keys.get(i).evaluate(scope), values.get(i).evaluate(scope));
            }
            return entries;
        };
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
            return scope -> Members.item(owner.evaluate(scope), index);
        }
        String name = tokens.expect(Kind.NAME, "a name").text();
        return scope -> Members.attribute(owner.evaluate(scope), name);
    }

    private Expression subscript(Expression owner) {
        Expression start = tokens.nextIs(":") ? null : expression();
        if (start != null && tokens.skip("]")) {
            return scope -> Members.item(owner.evaluate(scope), start.evaluate(scope));
        }
        tokens.expect(":");
        Expression end = tokens.nextIs(":") || tokens.nextIs("]") ? null : expression();
        Expression step = tokens.skip(":") && !tokens.nextIs("]") ? expression() : null;
        tokens.expect("]");
        return scope -> Members.slice(
                owner.evaluate(scope), bound(start, scope), bound(end, scope), bound(step, scope));
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
        return scope -> {
            Object called = callee.evaluate(scope);
            if (called instanceof Callable callable) {
                return callable.call(arguments.evaluate(scope));
            }
            throw called instanceof Undefined undefined
                    ? undefined.used()
                    : new TemplateException("a %s cannot be called".formatted(Values.type(called)));
        };
    }

    private record ArgumentList(List<Expression> positional, Map<String, Expression> named) {
        static final ArgumentList NONE = new ArgumentList(List.of(), Map.of());

        Arguments evaluate(Scope scope) {
            Map<String, Object> values = new LinkedHashMap<>();
            named.forEach((name, expression) -> values.put(name, expression.evaluate(scope)));
            return new Arguments(evaluated(positional, scope), values);
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
                named.put(name, expression());
            } else {
                positional.add(expression());
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
        return scope -> Filters.apply(name, value.evaluate(scope), arguments.evaluate(scope));
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
        return scope -> ValueTests.holds(name, value.evaluate(scope), given.evaluate(scope)) != negated;
    }

    private boolean beginsAnArgument() {
        Token next = tokens.peek();
        return LITERALS.contains(next.kind())
                || next.is("[")
                || next.is("{")
                || (next.kind() == Kind.NAME && !AFTER_A_TEST.contains(next.text()));
    }
}
