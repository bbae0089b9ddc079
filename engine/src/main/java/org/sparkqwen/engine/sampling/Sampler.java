package org.sparkqwen.engine.sampling;

import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.SplittableRandom;

/// Chooses the tokens of one text. Its random numbers depend on the seed, the prompt and the sample's number alone, so
/// a row's text is the same in any partition, beside any other rows, and after a retry.
public final class Sampler {
    private final SamplingParams params;
    private final SplittableRandom random;

    /// @param prompt token ids
    /// @param sample number of this text among those of the same prompt
    public Sampler(SamplingParams params, int[] prompt, int sample) {
        this.params = params;
        random = new SplittableRandom(hash(params.seed(), prompt, sample));
    }

    /// @param logits of the tokens that may be chosen, by id
    public int choose(float[] logits) {
        return params.greedy()
                ? likeliest(logits)
                : Distribution.of(logits, params).at(random.nextDouble());
    }

    private static int likeliest(float[] logits) {
        int best = 0;
        for (int token = 1; token < logits.length; token++) {
            if (logits[token] > logits[best]) {
                best = token;
            }
        }
        return best;
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
