package org.sparkqwen.engine.template;

import java.math.BigDecimal;
import java.util.List;

/// Writes values as text, either as Python prints them or as JSON. If any text in a value is foreign, the
/// whole result is foreign.
final class Spelling {
    /// The characters that are charged for a value in addition to its text: brackets, a separator, or a
    /// number.
    private static final int MARKS = 24;

    private static final int STEPS_PER_NUMBER = 32;

    private static final String HEX = "0123456789abcdef";

    private final StringBuilder spelling = new StringBuilder();
    private final Budget budget;
    private boolean foreign;

    private Spelling(Budget budget) {
        this.budget = budget;
    }

    /// Returns Python's `str(value)`. It is empty for an undefined value.
    static Text text(Object value, Budget budget) {
        return switch (value) {
            case Text text -> text;
            case Undefined _ -> Text.EMPTY;
            default -> {
                Spelling spelling = new Spelling(budget);
                spelling.python(value);
                yield spelling.spelled();
            }
        };
    }

    /// Returns Python's `json.dumps(value, ensure_ascii=False, indent=indent)`.
    ///
    /// @param indent the number of spaces for each level; if it is negative, everything is on one line
    static Text json(Object value, int indent, Budget budget) {
        Spelling spelling = new Spelling(budget);
        spelling.json(value, indent, indent);
        return spelling.spelled();
    }

    private Text spelled() {
        return Text.made(spelling.toString(), foreign, budget);
    }

    private void python(Object value) {
        charge(MARKS);
        switch (value) {
            case Text text -> quotedByPython(text);
            case Boolean bool -> spelling.append(bool ? "True" : "False");
            case Long number -> spelling.append(number);
            case Double number -> written(number);
            case None _ -> spelling.append("None");
            case List<?> list -> {
                budget.enter();
                boolean tuple = list instanceof Tuple;
                spelling.append(tuple ? '(' : '[');
                String separator = "";
                for (Object item : list) {
                    spelling.append(separator);
                    python(item);
                    separator = ", ";
                }
                spelling.append(tuple && list.size() == 1 ? "," : "").append(tuple ? ')' : ']');
                budget.leave();
            }
            case Dict map -> {
                budget.enter();
                spelling.append('{');
                String separator = "";
                for (Dict.Entry entry : map.entries()) {
                    spelling.append(separator);
                    python(entry.key());
                    spelling.append(": ");
                    python(entry.value());
                    separator = ", ";
                }
                spelling.append('}');
                budget.leave();
            }
            default -> throw new TemplateException("a %s cannot be written".formatted(Values.type(value)));
        }
    }

    /// Charges for the next `chars` characters.
    private void charge(int chars) {
        budget.scan(chars);
        budget.bytes(2L * chars);
    }

    private void written(Double number) {
        budget.steps(STEPS_PER_NUMBER);
        spelling.append(decimal(number));
    }

    private void quotedByPython(Text text) {
        foreign |= text.isForeign();
        String chars = text.toString();
        budget.steps(chars.length() / 4);
        charge(chars.length());
        char quote = chars.indexOf('\'') >= 0 && chars.indexOf('"') < 0 ? '"' : '\'';
        spelling.append(quote);
        int start = spelling.length();
        for (int i = 0; i < chars.length(); i++) {
            char c = chars.charAt(i);
            switch (c) {
                case '\n' -> spelling.append("\\n");
                case '\r' -> spelling.append("\\r");
                case '\t' -> spelling.append("\\t");
                case '\\' -> spelling.append("\\\\");
                default -> {
                    if (c < ' ' || c == 0x7f) {
                        spelling.append("\\x").append(HEX.charAt(c >> 4)).append(HEX.charAt(c & 15));
                    } else {
                        spelling.append(c == quote ? "\\" : "").append(c);
                    }
                }
            }
        }
        charge(spelling.length() - start - chars.length()); // for the characters that escaping added
        spelling.append(quote);
    }

    /// Writes a number with the fewest digits from which it can be read back, in Python's notation.
    private static String decimal(double number) {
        if (!Double.isFinite(number)) {
            return Double.isNaN(number) ? "nan" : number > 0 ? "inf" : "-inf";
        }
        BigDecimal digits = new BigDecimal(Double.toString(number)).stripTrailingZeros();
        int exponent = digits.precision() - digits.scale() - 1;
        if (number == 0 || (-4 <= exponent && exponent < 16)) {
            String plain = number == 0 ? Double.toString(number) : digits.toPlainString();
            return plain.contains(".") ? plain : plain + ".0";
        }
        String sign = number < 0 ? "-" : "";
        String unscaled = digits.unscaledValue().abs().toString();
        return "%s%s%se%s%02d"
                .formatted(
                        sign,
                        unscaled.charAt(0),
                        unscaled.length() > 1 ? "." + unscaled.substring(1) : "",
                        exponent < 0 ? "-" : "+",
                        Math.abs(exponent));
    }

    private void json(Object value, int indent, int margin) {
        charge(MARKS);
        switch (value) {
            case Text text -> quotedByJson(text);
            case Boolean bool -> spelling.append(bool);
            case Long number -> spelling.append(number);
            case Double number -> written(number);
            case None _ -> spelling.append("null");
            case List<?> list -> {
                budget.enter();
                spelling.append('[');
                String separator = "";
                for (Object item : list) {
                    spelling.append(separator);
                    lineBreak(indent, margin);
                    json(item, indent, margin + indent);
                    separator = indent < 0 ? ", " : ",";
                }
                if (!list.isEmpty()) {
                    lineBreak(indent, margin - indent);
                }
                spelling.append(']');
                budget.leave();
            }
            case Dict map -> {
                budget.enter();
                spelling.append('{');
                String separator = "";
                for (Dict.Entry entry : map.entries()) {
                    spelling.append(separator);
                    lineBreak(indent, margin);
                    quotedByJson(text(entry.key(), budget));
                    spelling.append(": ");
                    json(entry.value(), indent, margin + indent);
                    separator = indent < 0 ? ", " : ",";
                }
                if (!map.isEmpty()) {
                    lineBreak(indent, margin - indent);
                }
                spelling.append('}');
                budget.leave();
            }
            default -> throw new TemplateException("a %s has no JSON".formatted(Values.type(value)));
        }
    }

    private void lineBreak(int indent, int margin) {
        if (indent >= 0) {
            charge(margin);
            spelling.append('\n').repeat(' ', margin);
        }
    }

    private void quotedByJson(Text text) {
        foreign |= text.isForeign();
        String chars = text.toString();
        budget.steps(chars.length() / 4);
        charge(chars.length());
        spelling.append('"');
        int start = spelling.length();
        for (int i = 0; i < chars.length(); i++) {
            char c = chars.charAt(i);
            switch (c) {
                case '"' -> spelling.append("\\\"");
                case '\\' -> spelling.append("\\\\");
                case '\n' -> spelling.append("\\n");
                case '\r' -> spelling.append("\\r");
                case '\t' -> spelling.append("\\t");
                case '\b' -> spelling.append("\\b");
                case '\f' -> spelling.append("\\f");
                default -> {
                    if (c < ' ') {
                        spelling.append("\\u00").append(HEX.charAt(c >> 4)).append(HEX.charAt(c & 15));
                    } else {
                        spelling.append(c);
                    }
                }
            }
        }
        charge(spelling.length() - start - chars.length()); // for the characters that escaping added
        spelling.append('"');
    }
}
