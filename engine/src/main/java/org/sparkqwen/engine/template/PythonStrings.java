package org.sparkqwen.engine.template;

import java.util.List;
import java.util.function.IntPredicate;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// Python's methods of strings, and its notation of string literals.
final class PythonStrings {
    private static final String LINE_BREAKS = "\n\r\u000b\f\u001c\u001d\u001e\u0085\u2028\u2029";

    private static final Pattern ESCAPE = Pattern.compile(
            "\\\\(?:x(\\p{XDigit}{2})|u(\\p{XDigit}{4})|U(\\p{XDigit}{8})|(?<octal>[0-7]{1,3})|.)", Pattern.DOTALL);

    private PythonStrings() {}

    /// Returns the method `name` of `text`, or null if there is no such method.
    static @Nullable Callable method(Text text, String name) {
        return switch (name) {
            case "startswith" ->
                arguments -> {
                    for (Object prefix : affixes(arguments)) {
                        if (Search.startsWith(text, affix(prefix), arguments.budget())) {
                            return true;
                        }
                    }
                    return false;
                };
            case "endswith" ->
                arguments -> {
                    for (Object suffix : affixes(arguments)) {
                        if (Search.endsWith(text, affix(suffix), arguments.budget())) {
                            return true;
                        }
                    }
                    return false;
                };
            case "strip" -> arguments -> strip(text, stripped(arguments), true, true, arguments.budget());
            case "lstrip" -> arguments -> strip(text, stripped(arguments), true, false, arguments.budget());
            case "rstrip" -> arguments -> strip(text, stripped(arguments), false, true, arguments.budget());
            case "split" -> arguments -> split(text, arguments);
            case "rsplit" -> arguments -> splitFromTheEnd(text, arguments);
            case "splitlines" -> arguments -> lines(text, arguments.budget());
            case "replace" ->
                arguments -> replace(
                        text,
                        arguments.text(0, "old"),
                        arguments.text(1, "new"),
                        arguments.integer(2, "count", -1),
                        arguments.budget());
            case "removeprefix" ->
                arguments -> {
                    Text prefix = arguments.text(0, "prefix");
                    return Search.startsWith(text, prefix, arguments.budget())
                            ? text.substring(prefix.length(), text.length(), arguments.budget())
                            : text;
                };
            case "removesuffix" ->
                arguments -> {
                    Text suffix = arguments.text(0, "suffix");
                    return Search.endsWith(text, suffix, arguments.budget())
                            ? text.substring(0, text.length() - suffix.length(), arguments.budget())
                            : text;
                };
            case "upper" -> arguments -> upper(text, arguments.budget());
            case "lower" -> arguments -> lower(text, arguments.budget());
            case "capitalize" -> arguments -> capitalized(text, arguments.budget());
            case "title" -> arguments -> titled(text, arguments.budget());
            case "find" ->
                arguments -> {
                    String sub = arguments.text(0, "sub").toString();
                    return index(text, Search.first(text.toString(), sub, 0, arguments.budget()), arguments.budget());
                };
            case "rfind" ->
                arguments -> {
                    String sub = arguments.text(0, "sub").toString();
                    int place = Search.last(text.toString(), sub, text.length(), arguments.budget());
                    return index(text, place, arguments.budget());
                };
            case "count" -> arguments -> count(text, arguments.text(0, "sub"), arguments.budget());
            case "join" -> arguments -> join(arguments.get(0, "iterable"), text, arguments.budget());
            case "isdigit" -> arguments -> all(text, Character::isDigit, arguments.budget());
            case "isspace" -> arguments -> all(text, PythonStrings::isSpace, arguments.budget());
            default -> null;
        };
    }

    private static boolean all(Text text, IntPredicate test, Budget budget) {
        budget.steps(text.length());
        return !text.isEmpty() && text.toString().codePoints().allMatch(test);
    }

    /// Tells whether the text is written as an index of a list.
    static boolean isIndex(Text text) {
        String chars = text.toString();
        boolean digits = !chars.isEmpty() && chars.length() <= 9;
        for (int i = 0; digits && i < chars.length(); i++) {
            digits = '0' <= chars.charAt(i) && chars.charAt(i) <= '9';
        }
        return digits;
    }

    static Text lower(Object value, Budget budget) {
        Text text = Spelling.text(value, budget);
        budget.expect(2L * text.length());
        return text.rewritten(Casing.lower(text.toString(), 0, budget), budget);
    }

    static Text upper(Object value, Budget budget) {
        Text text = Spelling.text(value, budget);
        budget.expect(2L * text.length());
        return text.rewritten(Casing.upper(text.toString()), budget);
    }

    /// Tells whether Python's `str.isspace()` is true for a character.
    static boolean isSpace(int c) {
        return (9 <= c && c <= 13) || (28 <= c && c <= 31) || c == 0x85 || Character.isSpaceChar(c);
    }

    /// Returns the code points of `text`, each as a text.
    static Items characters(Text text, Budget budget) {
        Items characters = new Items(budget);
        for (int start = 0; start < text.length(); ) {
            int end = start + Character.charCount(text.toString().codePointAt(start));
            characters.add(text.substring(start, end, budget));
            start = end;
        }
        return characters;
    }

    /// Returns the code point at `place`, which is counted in code points.
    static Text character(Text text, int place, Budget budget) {
        int start = text.index(place, budget);
        return text.substring(start, start + Character.charCount(text.toString().codePointAt(start)), budget);
    }

    /// Returns code points of `text` from `from` up to but not including `to`, in steps of `pace`. All three
    /// are counted in code points.
    static Text slice(Text text, int from, int to, int pace, Budget budget) {
        if (pace > 0 ? from >= to : from <= to) {
            return Text.EMPTY;
        }
        if (pace == 1) {
            return text.substring(text.index(from, budget), text.index(to, budget), budget);
        }
        String chars = text.toString();
        Text.Builder chosen = new Text.Builder(budget);
        int start = text.index(from, budget);
        for (int place = from; pace > 0 ? place < to : place > to; place += pace) {
            chosen.append(text, start, start + Character.charCount(chars.codePointAt(start)));
            if (pace > 0 ? place + pace < to : place + pace > to) {
                budget.scan(Math.abs(pace));
                start = chars.offsetByCodePoints(start, pace);
            }
        }
        return chosen.text();
    }

    private static Text join(Object items, Text separator, Budget budget) {
        Text.Builder joined = new Text.Builder(budget);
        Text before = Text.EMPTY;
        for (Object item : Values.each(items, budget)) {
            if (!(item instanceof Text text)) {
                throw new TemplateException("join needs strings, not a " + Values.type(item));
            }
            joined.append(before);
            joined.append(text);
            before = separator;
        }
        return joined.text();
    }

    private static List<?> affixes(Arguments arguments) {
        return arguments.get(0, "prefix") instanceof List<?> several ? several : List.of(arguments.text(0, "prefix"));
    }

    private static Text affix(Object value) {
        if (value instanceof Text text) {
            return text;
        }
        throw new TemplateException("a string begins and ends with strings, not a " + Values.type(value));
    }

    /// Returns which characters `strip` removes: white space, or the characters of its argument.
    static IntPredicate stripped(Arguments arguments) {
        if (arguments.get(0, "chars", None.NONE) == None.NONE) {
            return PythonStrings::isSpace;
        }
        String chars = arguments.text(0, "chars").toString();
        return c -> {
            arguments.budget().scan(chars.length());
            return chars.indexOf(c) >= 0;
        };
    }

    static Text strip(Text text, IntPredicate stripped, boolean left, boolean right, Budget budget) {
        String chars = text.toString();
        int start = 0;
        while (left && start < chars.length() && stripped.test(chars.codePointAt(start))) {
            budget.step();
            start += Character.charCount(chars.codePointAt(start));
        }
        int end = chars.length();
        while (right && end > start && stripped.test(chars.codePointBefore(end))) {
            budget.step();
            end -= Character.charCount(chars.codePointBefore(end));
        }
        return text.substring(start, end, budget);
    }

    private static Items split(Text text, Arguments arguments) {
        long most = arguments.integer(1, "maxsplit", -1);
        if (arguments.get(0, "sep", None.NONE) == None.NONE) {
            return words(text, most, arguments.budget());
        }
        return pieces(text, separator(arguments), most, arguments.budget());
    }

    private static Text separator(Arguments arguments) {
        Text separator = arguments.text(0, "sep");
        if (separator.isEmpty()) {
            throw new TemplateException("empty separator");
        }
        return separator;
    }

    private static Items words(Text text, long most, Budget budget) {
        Items words = new Items(budget);
        String chars = text.toString();
        budget.scan(chars.length());
        int start = endOfSpace(chars, 0);
        while (start < chars.length()) {
            int end = start;
            while (end < chars.length() && !isSpace(chars.charAt(end))) {
                end++;
            }
            if (most >= 0 && words.size() == most) {
                words.add(text.substring(start, chars.length(), budget));
                break;
            }
            words.add(text.substring(start, end, budget));
            start = endOfSpace(chars, end);
        }
        return words;
    }

    private static int endOfSpace(String chars, int start) {
        int end = start;
        while (end < chars.length() && isSpace(chars.charAt(end))) {
            end++;
        }
        return end;
    }

    /// Cuts `text` at each `separator`, at most `most` times. A negative number sets no limit.
    static Items pieces(Text text, Text separator, long most, Budget budget) {
        Items pieces = new Items(budget);
        String sought = separator.toString();
        int start = 0;
        while (most < 0 || pieces.size() < most) {
            int at = Search.first(text.toString(), sought, start, budget);
            if (at < 0) {
                break;
            }
            pieces.add(text.substring(start, at, budget));
            start = at + separator.length();
        }
        pieces.add(text.substring(start, text.length(), budget));
        return pieces;
    }

    private static long count(Text text, Text sought, Budget budget) {
        if (sought.isEmpty()) {
            return text.codePoints(budget) + 1L;
        }
        long count = 0;
        int at = Search.first(text.toString(), sought.toString(), 0, budget);
        while (at >= 0) {
            count++;
            at = Search.first(text.toString(), sought.toString(), at + sought.length(), budget);
        }
        return count;
    }

    private static Object splitFromTheEnd(Text text, Arguments arguments) {
        Budget budget = arguments.budget();
        long most = arguments.integer(1, "maxsplit", -1);
        Text separator = separator(arguments);
        Items pieces = new Items(budget);
        int end = text.length();
        while (most < 0 || pieces.size() < most) {
            int at = Search.last(text.toString(), separator.toString(), end - separator.length(), budget);
            if (at < 0) {
                break;
            }
            pieces.add(text.substring(at + separator.length(), end, budget));
            end = at;
        }
        pieces.add(text.substring(0, end, budget));
        return Members.reversed(pieces, budget);
    }

    static Items lines(Text text, Budget budget) {
        Items lines = new Items(budget);
        budget.scan(text.length());
        String chars = text.toString();
        int start = 0;
        for (int end = 0; end < chars.length(); end++) {
            if (LINE_BREAKS.indexOf(chars.charAt(end)) >= 0) {
                lines.add(text.substring(start, end, budget));
                end += chars.startsWith("\r\n", end) ? 1 : 0;
                start = end + 1;
            }
        }
        if (start < text.length()) {
            lines.add(text.substring(start, text.length(), budget));
        }
        return lines;
    }

    /// @param count the greatest number of replacements; a negative number sets no limit
    static Text replace(Text text, Text old, Text by, long count, Budget budget) {
        if (old.isEmpty()) {
            throw new TemplateException("replacing an empty string is not supported");
        }
        Text.Builder replaced = new Text.Builder(budget);
        int start = 0;
        for (long i = 0; i != count; i++) {
            int at = Search.first(text.toString(), old.toString(), start, budget);
            if (at < 0) {
                break;
            }
            replaced.append(text, start, at);
            replaced.append(by);
            start = at + old.length();
        }
        replaced.append(text, start, text.length());
        return replaced.text();
    }

    static Text capitalized(Text text, Budget budget) {
        String chars = text.toString();
        if (chars.isEmpty()) {
            return text;
        }
        budget.expect(2L * chars.length());
        int second = chars.offsetByCodePoints(0, 1);
        return text.rewritten(title(chars.codePointAt(0)) + Casing.lower(chars, second, budget), budget);
    }

    private static Text titled(Text text, Budget budget) {
        Text.Builder titled = new Text.Builder(budget);
        boolean inWord = false;
        for (int i = 0; i < text.length(); ) {
            int c = text.toString().codePointAt(i);
            titled.append(inWord ? Character.toLowerCase(c) : Character.toTitleCase(c), text.isForeign());
            inWord = Character.isLetter(c);
            i += Character.charCount(c);
        }
        return titled.text();
    }

    private static String title(int c) {
        return Character.toString(Character.toTitleCase(c));
    }

    /// Converts an index in chars to an index in code points, which Python counts in.
    private static long index(Text text, int place, Budget budget) {
        if (place < 0) {
            return -1;
        }
        budget.scan(place);
        return text.toString().codePointCount(0, place);
    }

    /// Returns the value of a string literal.
    ///
    /// @param escaped what stands between its quotes
    static String unescaped(String escaped) {
        return ESCAPE.matcher(escaped).replaceAll(escape -> Matcher.quoteReplacement(unescaped(escape)));
    }

    private static String unescaped(MatchResult escape) {
        for (int form = 1; form <= 3; form++) {
            if (escape.group(form) != null && Character.isValidCodePoint(hexadecimal(escape.group(form)))) {
                return Character.toString(hexadecimal(escape.group(form)));
            }
        }
        if (escape.group("octal") != null) {
            return Character.toString(Integer.parseInt(escape.group("octal"), 8));
        }
        return switch (escape.group().charAt(1)) {
            case '\n' -> "";
            case '\\', '\'', '"' -> escape.group().substring(1);
            case 'a' -> "\u0007";
            case 'b' -> "\b";
            case 'f' -> "\f";
            case 'n' -> "\n";
            case 'r' -> "\r";
            case 't' -> "\t";
            case 'v' -> "\u000b";
            case 'x', 'u', 'U', 'N' -> throw new TemplateException("a malformed escape in a string");
            default -> escape.group();
        };
    }

    private static int hexadecimal(String digits) {
        return Integer.parseUnsignedInt(digits, 16);
    }
}
