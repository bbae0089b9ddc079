package org.sparkqwen.engine.template;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.template.Token.Kind;

/// Parses expressions with operators. It has one method for each precedence, from the weakest operators to
/// the strongest.
final class ExpressionParser {
    private final Tokens tokens;
    private final OperandParser operands;

    ExpressionParser(Tokens tokens) {
        this.tokens = tokens;
        operands = new OperandParser(tokens, this);
    }

    /// Parses an expression, or several expressions with commas between them, which make a tuple.
    Expression tuple() {
        return rest(expression());
    }

    /// Parses the expression that a loop runs over. Unlike in [#tuple], an `if` begins the loop's filter.
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
        return Expression.of(scope -> new Tuple(evaluated(items, scope)));
    }

    static Items evaluated(List<Expression> expressions, Scope scope) {
        Items values = new Items(scope.budget());
        for (Expression expression : expressions) {
            values.add(expression.evaluate(scope));
        }
        return values;
    }

    Expression expression() {
        tokens.enter();
        Expression value = or();
        while (tokens.skip("if")) {
            Expression ifTrue = value;
            Expression condition = or();
            Expression ifFalse = tokens.skip("else")
                    ? expression()
                    : Expression.of(_ -> new Undefined(
                            () -> "the inline if-expression evaluated to false and no else section was defined"));
            value = Expression.of(scope ->
                    Values.truth(condition.evaluate(scope)) ? ifTrue.evaluate(scope) : ifFalse.evaluate(scope));
        }
        tokens.leave();
        return value;
    }

    private Expression or() {
        Expression value = and();
        while (tokens.skip("or")) {
            Expression left = value;
            Expression right = and();
            value = Expression.of(scope -> {
                Object first = left.evaluate(scope);
                return Values.truth(first) ? first : right.evaluate(scope);
            });
        }
        return value;
    }

    private Expression and() {
        Expression value = not();
        while (tokens.skip("and")) {
            Expression left = value;
            Expression right = not();
            value = Expression.of(scope -> {
                Object first = left.evaluate(scope);
                return Values.truth(first) ? right.evaluate(scope) : first;
            });
        }
        return value;
    }

    private Expression not() {
        if (tokens.skip("not")) {
            tokens.enter();
            Expression value = not();
            tokens.leave();
            return Expression.of(scope -> !Values.truth(value.evaluate(scope)));
        }
        return comparison();
    }

    @FunctionalInterface
    private interface Operator {
        boolean holds(Object left, Object right, Budget budget);
    }

    /// One step of a chain such as `a < b <= c`, which holds if every two neighbours compare so.
    private record Comparison(Operator operator, Expression right) {}

    private Expression comparison() {
        Expression left = sum();
        List<Comparison> steps = new ArrayList<>();
        while (true) {
            Operator operator = comparisonOperator();
            if (operator == null) {
                break;
            }
            steps.add(new Comparison(operator, sum()));
        }
        if (steps.isEmpty()) {
            return left;
        }
        return Expression.of(scope -> {
            Object value = left.evaluate(scope);
            for (Comparison step : steps) {
                Object next = step.right().evaluate(scope);
                if (!step.operator().holds(value, next, scope.budget())) {
                    return false;
                }
                value = next;
            }
            return true;
        });
    }

    private @Nullable Operator comparisonOperator() {
        if (tokens.nextIs("not") && tokens.peekAfter().is("in")) {
            tokens.take();
            tokens.take();
            return (item, container, budget) -> !Values.contains(container, item, budget);
        }
        if (!tokens.nextIs(Kind.OPERATOR) && !tokens.nextIs("in")) {
            return null;
        }
        Operator operator = switch (tokens.peek().text()) {
            case "in" -> (item, container, budget) -> Values.contains(container, item, budget);
            case "==" -> Values::equal;
            case "!=" -> (a, b, budget) -> !Values.equal(a, b, budget);
            case "<" -> (a, b, budget) -> Values.compare(a, b, budget) < 0;
            case "<=" -> (a, b, budget) -> Values.compare(a, b, budget) <= 0;
            case ">" -> (a, b, budget) -> Values.compare(a, b, budget) > 0;
            case ">=" -> (a, b, budget) -> Values.compare(a, b, budget) >= 0;
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
            value = Expression.of(scope -> {
                Text first = Spelling.text(left.evaluate(scope), scope.budget());
                return first.plus(Spelling.text(right.evaluate(scope), scope.budget()), scope.budget());
            });
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
        Expression value = operands.operand();
        while (tokens.nextIs("**")) {
            value = binary(value, tokens.take().text(), operands.operand());
        }
        return value;
    }

    private static Expression binary(Expression left, String operator, Expression right) {
        return Expression.of(
                scope -> Arithmetic.apply(operator, left.evaluate(scope), right.evaluate(scope), scope.budget()));
    }
}
