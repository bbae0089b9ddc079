package org.sparkqwen.engine.template;

import java.util.List;

/// Python's operators on numbers, strings and lists.
final class Arithmetic {
    private Arithmetic() {}

    static Object apply(String operator, Object a, Object b, Budget budget) {
        if (operator.equals("+") && a instanceof Text left && b instanceof Text right) {
            return left.plus(right, budget);
        }
        if (operator.equals("+") && a instanceof List<?> left && b instanceof List<?> right) {
            Items joined = new Items(budget);
            joined.addEach(left);
            joined.addEach(right);
            return joined;
        }
        if (operator.equals("*") && a instanceof Text text && Values.number(b) instanceof Long times) {
            return text.times(times, budget);
        }
        Number left = Values.number(a);
        Number right = Values.number(b);
        if (left == null || right == null) {
            throw a instanceof Undefined undefined
                    ? undefined.used()
                    : b instanceof Undefined undefined
                            ? undefined.used()
                            : new TemplateException("'%s' does not go with a %s and a %s"
                                    .formatted(operator, Values.type(a), Values.type(b)));
        }
        try {
            return left instanceof Long && right instanceof Long && !operator.equals("/")
                    ? whole(operator, left.longValue(), right.longValue())
                    : broken(operator, left.doubleValue(), right.doubleValue());
        } catch (ArithmeticException e) {
            throw new TemplateException("%s %s %s has no value".formatted(left, operator, right));
        }
    }

    private static Object whole(String operator, long a, long b) {
        return switch (operator) {
            case "+" -> Math.addExact(a, b);
            case "-" -> Math.subtractExact(a, b);
            case "*" -> Math.multiplyExact(a, b);
            case "//" -> Math.floorDivExact(a, b);
            case "%" -> Math.floorMod(a, b);
            default ->
                b < 0 ? (Object) Math.pow((double) a, (double) b) : (Object) Math.powExact(a, Math.toIntExact(b));
        };
    }

    private static double broken(String operator, double a, double b) {
        if (b == 0 && (operator.equals("/") || operator.equals("//") || operator.equals("%"))) {
            throw new ArithmeticException("division by zero");
        }
        return switch (operator) {
            case "+" -> a + b;
            case "-" -> a - b;
            case "*" -> a * b;
            case "/" -> a / b;
            case "//" -> Math.floor(a / b);
            case "%" -> a - b * Math.floor(a / b);
            default -> Math.pow(a, b);
        };
    }
}
