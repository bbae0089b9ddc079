package org.sparkqwen.job.failure;

import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.sparkqwen.engine.message.Quote;

/// The name that a person meant who misspelt it.
public final class NearestName {
    private NearestName() {}

    /// Returns the known name that differs in the fewest letters.
    ///
    /// Two thirds of the letters must be the same, or one of both names must begin with the other. A name that has
    /// the same words and more, as `--max-new-tokens` has those of `--max-tokens`, goes first.
    public static Optional<String> of(String name, Collection<String> known) {
        String plain = plain(name);
        List<String> words = List.of(plain.split("-"));
        return known.stream()
                .filter(candidate -> plain(candidate).length() > 1)
                .filter(candidate -> alike(plain, plain(candidate)))
                .min(Comparator.comparing((String candidate) ->
                                !List.of(plain(candidate).split("-")).containsAll(words))
                        .thenComparingInt(candidate -> distance(plain, plain(candidate)))
                        .thenComparing(Comparator.naturalOrder()));
    }

    private static String plain(String name) {
        return name.replaceFirst("^-+", "").toLowerCase(Locale.ROOT).replace('_', '-');
    }

    private static boolean alike(String name, String candidate) {
        boolean abbreviated = name.length() > 2 && (candidate.startsWith(name) || name.startsWith(candidate));
        return abbreviated || 3 * distance(name, candidate) <= Math.max(name.length(), candidate.length());
    }

    /// Returns the number of edits between two names: letters inserted, deleted, replaced, or exchanged with their
    /// neighbours.
    private static int distance(String a, String b) {
        if (a.length() > Quote.LONGEST_VALUE) {
            return Integer.MAX_VALUE / 4;
        }
        int[][] distance = new int[a.length() + 1][b.length() + 1];
        for (int i = 0; i <= a.length(); i++) {
            for (int j = 0; j <= b.length(); j++) {
                if (i == 0 || j == 0) {
                    distance[i][j] = i + j;
                    continue;
                }
                int replaced = distance[i - 1][j - 1] + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
                int best = Math.min(replaced, 1 + Math.min(distance[i - 1][j], distance[i][j - 1]));
                if (i > 1 && j > 1 && a.charAt(i - 1) == b.charAt(j - 2) && a.charAt(i - 2) == b.charAt(j - 1)) {
                    best = Math.min(best, 1 + distance[i - 2][j - 2]);
                }
                distance[i][j] = best;
            }
        }
        return distance[a.length()][b.length()];
    }
}
