"""The method: rationales, exams, LbT scores, preference pairs, over any subject and any engine."""
