package org.sparkqwen.engine.template;

import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// What Python says about values: truth, equality, order and membership.
final class Values {
    private Values() {}

    /// Returns the name of a value's type for messages.
    static String type(Object value) {
        return switch (value) {
            case Text _ -> "string";
            case Boolean _ -> "truth value";
            case Long _ -> "whole number";
            case Double _ -> "number";
            case List<?> _ -> "list";
            case Dict _ -> "mapping";
            case None _ -> "None";
            case Undefined _ -> "undefined value";
            case Callable _ -> "function";
            default -> value.getClass().getSimpleName().toLowerCase(Locale.ROOT);
        };
    }

    static boolean truth(Object value) {
        return switch (value) {
            case Text text -> !text.isEmpty();
            case Boolean bool -> bool;
            case Long number -> number != 0;
            case Double number -> number != 0;
            case List<?> list -> !list.isEmpty();
            case Dict map -> !map.isEmpty();
            case None _, Undefined _ -> false;
            default -> true;
        };
    }

    /// Returns `value` as a Long or Double, where true counts as 1, or null if it is not a number.
    static @Nullable Number number(Object value) {
        return switch (value) {
            case Boolean bool -> bool ? 1L : 0L;
            case Long number -> number;
            case Double number -> number;
            default -> null;
        };
    }

    /// Tells whether two values are equal. As in Python, an object is equal to itself, so its contents need
    /// not be compared.
    @SuppressWarnings("ReferenceEquality")
    static boolean equal(Object a, Object b, Budget budget) {
        budget.enter();
        boolean equal = a == b ? !(a instanceof Double number && number.isNaN()) : equalValues(a, b, budget);
        budget.leave();
        return equal;
    }

    private static boolean equalValues(Object a, Object b, Budget budget) {
        Number left = number(a);
        Number right = number(b);
        if (left != null && right != null) {
            return compare(left, right, budget) == 0;
        }
        if (a instanceof Text first && b instanceof Text second) {
            budget.scan(first.length() == second.length() ? first.length() : 0);
            return first.equals(second);
        }
        if (a instanceof List<?> first && b instanceof List<?> second) {
            boolean same = first.size() == second.size() && first instanceof Tuple == second instanceof Tuple;
            for (int i = 0; same && i < first.size(); i++) {
                same = equal(first.get(i), second.get(i), budget);
            }
            return same;
        }
        if (a instanceof Dict first && b instanceof Dict second) {
            boolean same = first.size() == second.size();
            if (same) {
                for (Dict.Entry entry : first.entries()) {
                    Object other = second.get(entry.key(), budget);
                    if (other == null || !equal(entry.value(), other, budget)) {
                        return false;
                    }
                }
            }
            return same;
        }
        return a instanceof Undefined && b instanceof Undefined;
    }

    /// Returns a negative number, zero or a positive number if `a` comes before, with or after `b`.
    static int compare(Object a, Object b, Budget budget) {
        if (a instanceof Text left && b instanceof Text right) {
            budget.scan(Math.min(left.length(), right.length()));
            return compare(left.toString(), right.toString());
        }
        Number left = number(a);
        Number right = number(b);
        if (left == null || right == null) {
            throw a instanceof Undefined undefined
                    ? undefined.used()
                    : new TemplateException("a %s and a %s have no order".formatted(type(a), type(b)));
        }
        return left instanceof Long && right instanceof Long
                ? Long.compare(left.longValue(), right.longValue())
                : Double.compare(left.doubleValue() + 0.0, right.doubleValue() + 0.0);
    }

    /// Compares in the order of code points, in which surrogates come last.
    private static int compare(String a, String b) {
        int shorter = Math.min(a.length(), b.length());
        for (int i = 0; i < shorter; i++) {
            char left = a.charAt(i);
            char right = b.charAt(i);
            if (left != right) {
                boolean bothBasic = Character.isSurrogate(left) == Character.isSurrogate(right);
                return bothBasic ? Character.compare(left, right) : Character.isSurrogate(left) ? 1 : -1;
            }
        }
        return Integer.compare(a.length(), b.length());
    }

    static boolean contains(Object container, Object item, Budget budget) {
        if (container instanceof Text text) {
            if (item instanceof Text part) {
                return Search.first(text.toString(), part.toString(), 0, budget) >= 0;
            }
            throw new TemplateException("a string holds strings, not a " + type(item));
        }
        if (container instanceof Dict map) {
            return map.get(item, budget) != null;
        }
        for (Object each : each(container, budget)) {
            if (equal(each, item, budget)) {
                return true;
            }
        }
        return false;
    }

    /// Returns the items through which a loop over `value` runs.
    static List<?> items(Object value, Budget budget) {
        return switch (value) {
            case List<?> list -> list;
            case Dict map -> map.keys(budget);
            case Text text -> PythonStrings.characters(text, budget);
            case Undefined _ -> List.of();
            default -> throw new TemplateException("a %s has no items".formatted(type(value)));
        };
    }

    /// Returns the items of `value` one by one. Each item costs a step, whatever is done with it.
    static Iterable<?> each(Object value, Budget budget) {
        Iterator<?> items = items(value, budget).iterator();
        return () -> new Iterator<Object>() {
            @Override
            public boolean hasNext() {
                return items.hasNext();
            }

            @Override
            public Object next() {
                budget.step();
                return items.next();
            }
        };
    }

    static long length(Object value, Budget budget) {
        return switch (value) {
            case Text text -> text.codePoints(budget);
            case Dict map -> map.size();
            default -> items(value, budget).size();
        };
    }
}
