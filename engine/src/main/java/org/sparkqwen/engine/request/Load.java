package org.sparkqwen.engine.request;

/// What an engine has computed since it was opened, and what it has in work at one moment.
///
/// @param scoredTokens computed of documents; where windows overlap, a token in each
/// @param promptTokens computed of prompts to generate from, again after a preemption too
/// @param sharedTokens of prompts that were in the cache already, and so were not computed
/// @param generatedTokens chosen
/// @param batches that went through the model, of both kinds
/// @param batchTokens tokens in all of them together; full batches have [EngineOptions#batchTokens] each
/// @param running texts that are generated now, at most [EngineOptions#maxSequences]
/// @param waiting texts that wait for room
/// @param blocksUsed of the key/value cache, by texts that are generated now
/// @param blocksKept beside them, for prompts that begin like earlier ones
/// @param blocks that the cache may have
/// @param preemptions times that a text lost its blocks to others and was computed again
public record Load(
        long scoredTokens,
        long promptTokens,
        long sharedTokens,
        long generatedTokens,
        long batches,
        long batchTokens,
        int running,
        int waiting,
        int blocksUsed,
        int blocksKept,
        int blocks,
        long preemptions) {}
