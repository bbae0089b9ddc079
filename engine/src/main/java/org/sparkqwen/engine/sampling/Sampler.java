package org.sparkqwen.engine.sampling;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.constraint.TokenSet;
import org.sparkqwen.engine.kernels.TokenChoice;

/// Chooses the tokens of one text. Its random numbers depend on the seed, the prompt and the sample's number alone, so
/// a row's text is the same in any partition, beside any other rows, and after a retry.
public final class Sampler {
    /// The result if no token can be chosen.
    public static final int NONE = -1;

    private static final ThreadLocal<Candidates> CANDIDATES = ThreadLocal.withInitial(Candidates::new);

    private final SamplingParams params;
    private final SplittableRandom random;
    private final TokenCounts counts;
    private final BannedTokens banned;

    /// @param prompt token ids
    /// @param sample number of this text among those of the same prompt
    public Sampler(SamplingParams params, int[] prompt, int sample) {
        this.params = params;
        random = new SplittableRandom(hash(params.seed(), prompt, sample));
        counts = new TokenCounts(params.penalties(), prompt);
        banned = new BannedTokens(params.rules(), prompt);
    }

    /// Chooses a token, which counts as generated from now on.
    ///
    /// @param logits logits in float32 of the tokens that the vocabulary has, by id
    /// @param likeliest the most likely of these tokens
    /// @param allowed the tokens that may be chosen; null for all
    /// @param forbidden tokens that must not be chosen even if they are allowed
    /// @return the token, or [#NONE] if all are forbidden
    public int choose(
            MemorySegment logits,
            int likeliest,
            @Nullable TokenSet allowed,
            Collection<Integer> forbidden,
            Exponentials exponentials) {
        Set<Integer> ruledOut = banned.next();
        boolean asItIs = params.leavesLogits() && allowed == null && forbidden.isEmpty() && ruledOut.isEmpty();
        if (params.greedy() && asItIs) {
            return chosen(likeliest);
        }
        Candidates candidates = candidates(logits, allowed, forbidden, ruledOut);
        return candidates.count() == 0 ? NONE : chosen(choose(candidates, exponentials));
    }

    /// Says how [#choose] chooses, for kernels that do it themselves. What they choose is told to [#accept].
    ///
    /// @param allowed the tokens that may be chosen; null for all
    /// @param forbidden tokens that must not be chosen even if they are allowed
    public TokenChoice choice(@Nullable TokenSet allowed, Collection<Integer> forbidden) {
        Map<Integer, TokenChoice.Change> changes = new HashMap<>();
        params.logitBias().forEach((token, bias) -> changes.put(token, counts.change(token, bias)));
        counts.changed().forEach(token -> changes.computeIfAbsent(token, _ -> counts.change(token, 0)));
        for (Collection<Integer> some : List.of(forbidden, banned.next())) {
            some.forEach(token -> changes.put(token, new TokenChoice.Change(token, true, 0, 1, 0)));
        }
        return new TokenChoice(
                TokenChoice.NONE,
                allowed == null ? new long[0] : allowed.toWords(),
                List.copyOf(changes.values()),
                params.temperature(),
                params.topK(),
                params.topP(),
                params.minP(),
                params.greedy() ? 0 : random.nextDouble());
    }

    /// Counts a token as generated that was chosen by a [TokenChoice].
    public void accept(int token) {
        chosen(token);
    }

    /// Chooses among tokens of which one must come. All are equally likely, as in transformers.
    ///
    /// @return the token, or [#NONE] if all are suppressed
    public int chooseForced(Collection<Integer> forced) {
        Set<Integer> suppressed = banned.suppressed();
        int[] left = forced.stream()
                .filter(token -> !suppressed.contains(token))
                .mapToInt(Integer::intValue)
                .distinct()
                .sorted()
                .toArray();
        if (left.length == 0) {
            return NONE;
        }
        return chosen(left[params.greedy() ? 0 : (int) (random.nextDouble() * left.length)]);
    }

    private int chosen(int token) {
        counts.add(token);
        banned.add(token);
        return token;
    }

    private Candidates candidates(
            MemorySegment logits, @Nullable TokenSet allowed, Collection<Integer> forbidden, Set<Integer> ruledOut) {
        Candidates candidates = CANDIDATES.get();
        if (allowed == null) {
            candidates.fill(logits);
        } else {
            candidates.fill(logits, allowed);
        }
        forbidden.forEach(candidates::remove);
        candidates.removeAll(ruledOut);
        for (Map.Entry<Integer, Double> bias : params.logitBias().entrySet()) {
            int index = candidates.indexOf(bias.getKey());
            if (index >= 0) {
                candidates.setScore(index, (float) (candidates.score(index) + bias.getValue()));
            }
        }
        counts.apply(candidates);
        return candidates;
    }

    private int choose(Candidates candidates, Exponentials exponentials) {
        if (params.greedy()) {
            return candidates.likeliest();
        }
        filter(candidates, params, exponentials);
        return candidates.at(random.nextDouble());
    }

    /// Applies the filters. Each works on what the one before it left, and leaves at least one token.
    static void filter(Candidates candidates, SamplingParams params, Exponentials exponentials) {
        candidates.keepTopK(params.topK());
        candidates.soften(params.temperature(), exponentials);
        candidates.keepTopP(params.topP());
        candidates.keepMinP(params.minP());
    }

    private static long hash(long seed, int[] prompt, int sample) {
        ByteBuffer bytes = ByteBuffer.allocate(Long.BYTES + Integer.BYTES * (prompt.length + 1));
        bytes.putLong(seed).putInt(sample);
        for (int token : prompt) {
            bytes.putInt(token);
        }
        try {
            return ByteBuffer.wrap(MessageDigest.getInstance("SHA-256").digest(bytes.array()))
                    .getLong();
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError("every Java has SHA-256", e);
        }
    }
}
