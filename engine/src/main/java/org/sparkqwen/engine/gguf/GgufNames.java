package org.sparkqwen.engine.gguf;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.engine.modelfile.InvalidModelException;

/// The names of the files that make one GGUF model: a single file, or the parts of a split one, such as
/// `model-00001-of-00003.gguf`, of which the first has the metadata.
public final class GgufNames {
    public static final String ENDING = ".gguf";

    /// The names that a model's file may have, because names go into lists of hashes and into caches.
    private static final Pattern PLAIN = Pattern.compile("[A-Za-z0-9_][A-Za-z0-9._-]*[.]gguf");

    private static final Pattern PART = Pattern.compile("(.+)-(\\d{5})-of-(\\d{5})[.]gguf");

    private static final int SHOWN = 10;

    private GgufNames() {}

    /// Returns the names of all files of a model, in their order.
    ///
    /// @param name the single file, or the first part
    /// @param origin the directory, for messages
    /// @throws InvalidModelException if it is another part, or has a name that cannot be kept
    public static List<String> of(String name, String origin) {
        if (!PLAIN.matcher(name).matches()) {
            throw new InvalidModelException("%s: the name %s has other characters than letters, digits, dots, - and _;"
                            .formatted(origin, Quote.of(name))
                    + " rename the file");
        }
        Matcher part = PART.matcher(name);
        if (!part.matches()) {
            return List.of(name);
        }
        int count = Integer.parseInt(part.group(3));
        if (Integer.parseInt(part.group(2)) != 1) {
            throw new InvalidModelException("%s: %s is a part of a split model; name the first part, %s"
                    .formatted(origin, Quote.of(name), part(part.group(1), 1, count)));
        }
        return IntStream.rangeClosed(1, Math.max(1, count))
                .mapToObj(i -> part(part.group(1), i, count))
                .toList();
    }

    private static String part(String stem, int number, int count) {
        return "%s-%05d-of-%05d%s".formatted(stem, number, count, ENDING);
    }

    /// Returns the names of the files of the one model that a directory has; empty if it has no GGUF file.
    ///
    /// @param present the names of all files of the directory
    /// @param origin the directory, for messages
    /// @throws InvalidModelException if it has several models, or a part without the first one
    public static List<String> only(Collection<String> present, String origin) {
        List<String> firsts = new ArrayList<>();
        List<String> others = new ArrayList<>();
        for (String name : present.stream().sorted().toList()) {
            Matcher part = PART.matcher(name);
            if (part.matches() && Integer.parseInt(part.group(2)) != 1) {
                others.add(name);
            } else if (name.endsWith(ENDING)) {
                firsts.add(name);
            }
        }
        if (firsts.size() > 1) {
            throw new InvalidModelException("%s: holds %d GGUF models: %s%s; name one of these files instead of the"
                            .formatted(
                                    origin,
                                    firsts.size(),
                                    String.join(
                                            ", ",
                                            firsts.stream()
                                                    .limit(SHOWN)
                                                    .map(Quote::of)
                                                    .toList()),
                                    firsts.size() > SHOWN ? " and more" : "")
                    + " directory");
        }
        if (!firsts.isEmpty()) {
            return of(firsts.getFirst(), origin);
        }
        return others.isEmpty() ? List.of() : of(others.getFirst(), origin);
    }
}
