package org.sparkqwen.engine.template;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.function.IntPredicate;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// Python's methods of strings, and its notation of them.
final class PythonStrings {
    private static final Pattern LINE_BREAK =
            Pattern.compile("\r\n|[\n\r\u000b\f\u001c\u001d\u001e\u0085\u2028\u2029]");

    private static final Pattern ESCAPE = Pattern.compile(
            "\\\\(?:x(\\p{XDigit}{2})|u(\\p{XDigit}{4})|U(\\p{XDigit}{8})|(?<octal>[0-7]{1,3})|.)", Pattern.DOTALL);

    private PythonStrings() {}

    /// The method `name` of `text`, or null.
    static @Nullable Callable method(Text text, String name) {
        return switch (name) {
            case "startswith" -> arguments -> affixes(arguments).stream().anyMatch(text.toString()::startsWith);
            case "endswith" -> arguments -> affixes(arguments).stream().anyMatch(text.toString()::endsWith);
            case "strip" -> arguments -> strip(text, stripped(arguments), true, true);
            case "lstrip" -> arguments -> strip(text, stripped(arguments), true, false);
            case "rstrip" -> arguments -> strip(text, stripped(arguments), false, true);
            case "split" -> arguments -> new ArrayList<Object>(split(text, arguments));
            case "rsplit" -> arguments -> new ArrayList<Object>(splitFromTheEnd(text, arguments));
            case "splitlines" -> _ -> new ArrayList<Object>(lines(text));
            case "replace" ->
                arguments -> replace(
                        text, arguments.text(0, "old"), arguments.text(1, "new"), arguments.integer(2, "count", -1));
            case "removeprefix" ->
                arguments ->
                        text.toString().startsWith(arguments.text(0, "prefix").toString())
                                ? text.substring(arguments.text(0, "prefix").length())
                                : text;
            case "removesuffix" ->
                arguments -> text.toString()
                                .endsWith(arguments.text(0, "suffix").toString())
                        ? text.substring(
                                0, text.length() - arguments.text(0, "suffix").length())
                        : text;
            case "upper" -> _ -> text.rewritten(text.toString().toUpperCase(Locale.ROOT));
            case "lower" -> _ -> text.rewritten(text.toString().toLowerCase(Locale.ROOT));
            case "capitalize" -> _ -> capitalized(text);
            case "title" -> _ -> titled(text);
            case "find" ->
                arguments -> index(
                        text, text.toString().indexOf(arguments.text(0, "sub").toString()));
            case "rfind" ->
                arguments -> index(
                        text,
                        text.toString().lastIndexOf(arguments.text(0, "sub").toString()));
            case "count" ->
                arguments -> (long) pieces(text, arguments.text(0, "sub"), -1).size() - 1;
            case "join" -> arguments -> join(arguments.get(0, "iterable"), text);
            case "isdigit" ->
                _ -> !text.isEmpty() && text.toString().codePoints().allMatch(Character::isDigit);
            case "isspace" ->
                _ -> !text.isEmpty() && text.toString().codePoints().allMatch(PythonStrings::isSpace);
            default -> null;
        };
    }

    /// What `str.isspace()` says.
    static boolean isSpace(int c) {
        return (9 <= c && c <= 13) || (28 <= c && c <= 31) || c == 0x85 || Character.isSpaceChar(c);
    }

    /// Each code point of `text`.
    static List<Text> characters(Text text) {
        List<Text> characters = new ArrayList<>();
        for (int start = 0; start < text.length(); ) {
            int end = start + Character.charCount(text.toString().codePointAt(start));
            characters.add(text.substring(start, end));
            start = end;
        }
        return characters;
    }

    /// `items`, of which each is a text, as one.
    static Text joined(List<Object> items) {
        return join(items, Text.EMPTY);
    }

    private static Text join(Object items, Text separator) {
        List<Text> texts = new ArrayList<>();
        for (Object item : Values.items(items)) {
            if (!(item instanceof Text text)) {
                throw new TemplateException("join needs strings, not a " + Values.type(item));
            }
            texts.add(text);
        }
        return Text.join(texts, separator);
    }

    private static List<String> affixes(Arguments arguments) {
        return arguments.get(0, "prefix") instanceof List<?> several
                ? several.stream().map(Object::toString).toList()
                : List.of(arguments.text(0, "prefix").toString());
    }

    /// What `strip` takes away: white space, or the characters that it is given.
    static IntPredicate stripped(Arguments arguments) {
        if (arguments.get(0, "chars", None.NONE) == None.NONE) {
            return PythonStrings::isSpace;
        }
        String chars = arguments.text(0, "chars").toString();
        return c -> chars.indexOf(c) >= 0;
    }

    static Text strip(Text text, IntPredicate stripped, boolean left, boolean right) {
        String chars = text.toString();
        int start = 0;
        while (left && start < chars.length() && stripped.test(chars.codePointAt(start))) {
            start += Character.charCount(chars.codePointAt(start));
        }
        int end = chars.length();
        while (right && end > start && stripped.test(chars.codePointBefore(end))) {
            end -= Character.charCount(chars.codePointBefore(end));
        }
        return text.substring(start, end);
    }

    private static List<Text> split(Text text, Arguments arguments) {
        long most = arguments.integer(1, "maxsplit", -1);
        if (arguments.get(0, "sep", None.NONE) == None.NONE) {
            return words(text, most);
        }
        return pieces(text, separator(arguments), most);
    }

    private static Text separator(Arguments arguments) {
        Text separator = arguments.text(0, "sep");
        if (separator.isEmpty()) {
            throw new TemplateException("empty separator");
        }
        return separator;
    }

    private static List<Text> words(Text text, long most) {
        List<Text> words = new ArrayList<>();
        Text rest = strip(text, PythonStrings::isSpace, true, false);
        while (!rest.isEmpty()) {
            int end = 0;
            while (end < rest.length() && !isSpace(rest.toString().charAt(end))) {
                end++;
            }
            if (most >= 0 && words.size() == most) {
                words.add(rest);
                break;
            }
            words.add(rest.substring(0, end));
            rest = strip(rest.substring(end), PythonStrings::isSpace, true, false);
        }
        return words;
    }

    /// `text` cut at each `separator`, but `most` times at most; negative is as often as there are.
    private static List<Text> pieces(Text text, Text separator, long most) {
        List<Text> pieces = new ArrayList<>();
        int start = 0;
        for (int at = text.toString().indexOf(separator.toString());
                at >= 0 && (most < 0 || pieces.size() < most);
                at = text.toString().indexOf(separator.toString(), start)) {
            pieces.add(text.substring(start, at));
            start = at + separator.length();
        }
        pieces.add(text.substring(start));
        return pieces;
    }

    private static List<Text> splitFromTheEnd(Text text, Arguments arguments) {
        long most = arguments.integer(1, "maxsplit", -1);
        Text separator = separator(arguments);
        List<Text> pieces = new ArrayList<>();
        int end = text.length();
        while (end >= separator.length() && (most < 0 || pieces.size() < most)) {
            int at = text.toString().lastIndexOf(separator.toString(), end - separator.length());
            if (at < 0) {
                break;
            }
            pieces.add(text.substring(at + separator.length(), end));
            end = at;
        }
        pieces.add(text.substring(0, end));
        Collections.reverse(pieces);
        return pieces;
    }

    static List<Text> lines(Text text) {
        List<Text> lines = new ArrayList<>();
        int start = 0;
        Matcher lineBreak = LINE_BREAK.matcher(text.toString());
        while (lineBreak.find()) {
            lines.add(text.substring(start, lineBreak.start()));
            start = lineBreak.end();
        }
        if (start < text.length()) {
            lines.add(text.substring(start));
        }
        return lines;
    }

    /// @param count how often at most; negative is as often as there are
    static Text replace(Text text, Text old, Text by, long count) {
        if (old.isEmpty()) {
            throw new TemplateException("replacing an empty string is not supported");
        }
        return Text.join(pieces(text, old, count), by);
    }

    static Text capitalized(Text text) {
        String chars = text.toString();
        if (chars.isEmpty()) {
            return text;
        }
        int second = chars.offsetByCodePoints(0, 1);
        return text.rewritten(
                title(chars.codePointAt(0)) + chars.substring(second).toLowerCase(Locale.ROOT));
    }

    private static Text titled(Text text) {
        StringBuilder titled = new StringBuilder();
        boolean inWord = false;
        for (int c : text.toString().codePoints().toArray()) {
            titled.append(inWord ? Character.toString(Character.toLowerCase(c)) : title(c));
            inWord = Character.isLetter(c);
        }
        return text.rewritten(titled.toString());
    }

    private static String title(int c) {
        return Character.toString(Character.toTitleCase(c));
    }

    /// A place in code points, as Python counts, for one in chars.
    private static long index(Text text, int place) {
        return place < 0 ? -1 : text.toString().codePointCount(0, place);
    }

    /// What a string says, by what stands between its quotes.
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
