package org.sparkqwen.engine.template;

import java.util.ArrayList;
import java.util.List;
import java.util.function.BinaryOperator;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.template.Token.Kind;

/// Makes expressions of tokens: operators, with a method for each precedence, the weakest first.
final class ExpressionParser {
    private final Tokens tokens;
    private final OperandParser operands;

    ExpressionParser(Tokens tokens) {
        this.tokens = tokens;
        operands = new OperandParser(tokens, this);
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

    static List<Object> evaluated(List<Expression> expressions, Scope scope) {
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
        BinaryOperator<Object> operator = switch (tokens.peek().text()) {
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
        Expression value = operands.operand();
        while (tokens.nextIs("**")) {
            value = binary(value, tokens.take().text(), operands.operand());
        }
        return value;
    }

    private static Expression binary(Expression left, String operator, Expression right) {
        return scope -> Arithmetic.apply(operator, left.evaluate(scope), right.evaluate(scope));
    }
}
