"""Gate: may the candidate replace the model that serves?"""
