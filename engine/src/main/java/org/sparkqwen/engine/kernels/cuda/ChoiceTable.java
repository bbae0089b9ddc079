package org.sparkqwen.engine.kernels.cuda;

import java.util.List;
import org.sparkqwen.engine.kernels.TokenChoice;

/// The choices of a step as `sampling.cu` reads them: structures of 64-bit numbers.
final class ChoiceTable {
    private static final int CHOICE = 9;
    private static final int CHANGE = 6;

    private final List<TokenChoice> choices;

    ChoiceTable(List<TokenChoice> choices) {
        this.choices = choices;
    }

    /// Brings masks and changes to the device.
    ///
    /// @return the choices, which have their addresses
    long[] upload(Uploads uploads) {
        while (true) { // until all of them are in one round
            long round = uploads.rounds();
            long[] numbers = numbers(uploads);
            uploads.require((long) numbers.length * Long.BYTES);
            if (round == uploads.rounds()) {
                return numbers;
            }
        }
    }

    private long[] numbers(Uploads uploads) {
        int words = 0;
        int changes = 0;
        for (TokenChoice choice : choices) {
            words += choice.allowed().length;
            changes += choice.changes().size();
        }
        long[] masks = new long[words];
        long[] ofChanges = new long[changes * CHANGE];
        long[] numbers = new long[choices.size() * CHOICE];
        int nextMask = 0;
        int nextChange = 0;
        for (TokenChoice choice : choices) {
            System.arraycopy(choice.allowed(), 0, masks, nextMask, choice.allowed().length);
            nextMask += choice.allowed().length;
            for (TokenChoice.Change change : choice.changes()) {
                ofChanges[nextChange] = change.token();
                ofChanges[nextChange + 1] = change.forbidden() ? 1 : 0;
                ofChanges[nextChange + 2] = Double.doubleToRawLongBits(change.bias());
                ofChanges[nextChange + 3] = Double.doubleToRawLongBits(change.repetition());
                ofChanges[nextChange + 4] = Double.doubleToRawLongBits(change.penalty());
                nextChange += CHANGE;
            }
        }
        long masksAddress = uploads.longs(masks);
        long changesAddress = uploads.longs(ofChanges);
        int at = 0;
        for (TokenChoice choice : choices) {
            numbers[at] = choice.allowed().length == 0 ? 0 : masksAddress;
            numbers[at + 1] = changesAddress;
            numbers[at + 2] = choice.changes().size();
            numbers[at + 3] = choice.forced();
            numbers[at + 4] = choice.topK();
            numbers[at + 5] = Double.doubleToRawLongBits(choice.temperature());
            numbers[at + 6] = Double.doubleToRawLongBits(choice.topP());
            numbers[at + 7] = Double.doubleToRawLongBits(choice.minP());
            numbers[at + 8] = Double.doubleToRawLongBits(choice.random());
            at += CHOICE;
            masksAddress += (long) choice.allowed().length * Long.BYTES;
            changesAddress += (long) choice.changes().size() * CHANGE * Long.BYTES;
        }
        return numbers;
    }
}
